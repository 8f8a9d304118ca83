package dang

import (
	"context"
	"testing"
)

func TestModulesAreRefused(t *testing.T) {
	for name, load := range map[string]func(context.Context, string, bool) (ValueScope, error){
		"RunDir": RunDir, "DeclareDir": DeclareDir,
	} {
		if scope, err := load(context.Background(), t.TempDir(), false); err == nil || scope != nil {
			t.Errorf("%s returned %v, %v", name, scope, err)
		}
	}
}
