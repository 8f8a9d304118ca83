// Package ioctx replaces that of Dang v2 with the names of Dang v1.
package ioctx

import real "github.com/vito/dang/pkg/ioctx"

var (
	StderrToContext = real.StderrToContext
	StdoutToContext = real.StdoutToContext
)
