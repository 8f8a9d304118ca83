// Package querybuilder replaces that of Dang v2 with the names of Dang v1.
package querybuilder

import real "github.com/vito/dang/pkg/querybuilder"

// Query starts a query.
var Query = real.Query
