package wasmhooks

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// buildAssemblyScript uses the compiler of the project, which npm is asked for
// once. The flags are the project's own, in asconfig.json.
func buildAssemblyScript(ctx context.Context, b build) error {
	asc := filepath.Join(b.dir, "node_modules", "assemblyscript", "bin", "asc.js")
	if _, err := os.Stat(asc); errors.Is(err, fs.ErrNotExist) {
		npm, err := tool("npm", "install Node.js 20 or later with npm (Debian: apt-get install npm)")
		if err != nil {
			return err
		}
		if err := b.run(ctx, nil, npm, "ci", "--no-audit", "--no-fund", "--silent"); err != nil {
			return err
		}
	}
	node, err := tool("node", "install Node.js 20 or later (Debian: apt-get install nodejs)")
	if err != nil {
		return err
	}
	return b.run(ctx, nil, node, asc, "--config", "asconfig.json", "--target", "release", "--outFile", b.out)
}
