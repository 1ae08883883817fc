package model_test

import (
	"testing"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/graph/model"
)

func TestVersionOfADamagedHookIsItsNewestAndNotActive(t *testing.T) {
	versions := []engine.HookVersion{{SHA256: "b", Shape: engine.HookScript}, {SHA256: "a", Shape: engine.HookReactor}}
	h := model.Hook{Hook: engine.Hook{HookRecord: engine.HookRecord{Versions: versions}}}
	if v := h.Version(); v.SHA256 != "b" || v.Active {
		t.Errorf("version is %+v", v)
	}
	versions[1].Active = true
	if v := h.Version(); v.SHA256 != "a" {
		t.Errorf("version is %+v, not the active one", v)
	}
}
