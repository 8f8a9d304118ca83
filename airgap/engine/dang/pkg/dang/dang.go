// Package dang replaces Dang v2, which is not served, with names of Dang v1, so
// that Dagger compiles. A module written in Dang v2 is refused, never run as v1.
package dang

import (
	"context"
	"errors"

	real "github.com/vito/dang/pkg/dang"
)

var errNoV2 = errors.New("this Dagger engine was built without Dang v2, the language of Dang modules with " +
	"engineVersion v0.21.5 or later: set the module's engineVersion to v0.21.4 (Dang v1), or use an official engine")

// RunDir refuses to run the Dang v2 module in a folder.
func RunDir(context.Context, string, bool) (ValueScope, error) {
	return nil, errNoV2
}

// DeclareDir refuses to declare the types of the Dang v2 module in a folder.
func DeclareDir(context.Context, string, bool) (ValueScope, error) {
	return nil, errNoV2
}

const (
	BindingOriginLocal = real.BindingOriginLocal
	EnumKind           = real.EnumKind
	InterfaceKind      = real.InterfaceKind
	PrivateVisibility  = real.PrivateVisibility
	PublicVisibility   = real.PublicVisibility
	ScalarKind         = real.ScalarKind
)

var (
	ContextWithImportConfigs = real.ContextWithImportConfigs
	CreateOverlayValueScope  = real.CreateOverlayValueScope
	EvalNode                 = real.EvalNode
	EvaluateFormsWithPhases  = real.EvaluateFormsWithPhases
	NewObject                = real.NewObject
	StringType               = real.StringType
)

type (
	BoolValue            = real.BoolValue
	ConstructorFunction  = real.ConstructorFunction
	DirectiveApplication = real.DirectiveApplication
	EnumValue            = real.EnumValue
	FieldDecl            = real.FieldDecl
	FunCall              = real.FunCall
	GraphQLFunction      = real.GraphQLFunction
	GraphQLValue         = real.GraphQLValue
	ImportConfig         = real.ImportConfig
	IntValue             = real.IntValue
	ListType             = real.ListType
	ListValue            = real.ListValue
	MapType              = real.MapType
	MapValue             = real.MapValue
	Node                 = real.Node
	NullValue            = real.NullValue
	Object               = real.Object
	Record               = real.Record
	RecordType           = real.RecordType
	ScalarValue          = real.ScalarValue
	Select               = real.Select
	StringValue          = real.StringValue
	Symbol               = real.Symbol
	Type                 = real.Type
	TypeScope            = real.TypeScope
	Value                = real.Value
	ValueNode            = real.ValueNode
	ValueScope           = real.ValueScope
)

// Keyed is a value with its key.
type Keyed[X any] = real.Keyed[X]
