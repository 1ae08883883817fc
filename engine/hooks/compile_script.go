package hooks

import (
	"encoding/json"

	"github.com/twinbox/twinbox/engine"
)

// preparedScript is how a script is kept. Preparing one takes a process that
// may end of it.
type preparedScript struct {
	Code    []byte             `json:"code"`
	Map     json.RawMessage    `json:"map"`
	Handles []engine.HookPoint `json:"handles"`
}

func encodeScript(text []byte) ([]byte, error) {
	s, err := prepareScript(text)
	if err != nil {
		return nil, err
	}
	return json.Marshal(preparedScript{s.code, s.mapping, s.handles})
}

func decodeScript(product []byte) (*script, error) {
	var p preparedScript
	err := json.Unmarshal(product, &p)
	return &script{code: p.Code, mapping: p.Map, handles: p.Handles}, err
}
