// Package hm replaces that of Dang v2 with the names of Dang v1.
package hm

import real "github.com/vito/dang/pkg/hm"

type (
	FunctionType = real.FunctionType
	NonNullType  = real.NonNullType
	Type         = real.Type
)
