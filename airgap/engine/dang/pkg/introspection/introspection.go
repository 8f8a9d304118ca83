// Package introspection replaces that of Dang v2 with the names of Dang v1.
package introspection

import real "github.com/vito/dang/pkg/introspection"

const (
	TypeKindNonNull = real.TypeKindNonNull
	TypeKindObject  = real.TypeKindObject
)

type (
	Response = real.Response
	Schema   = real.Schema
	TypeRef  = real.TypeRef
)
