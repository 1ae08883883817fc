package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// file is an attachment as the API describes it.
type file struct {
	Name, Path, URL string
	Size            int64
}

func (r *remote) replyFiles() *cobra.Command {
	dir, force := ".", false
	c := &cobra.Command{Use: "files SESSION REPLY", Short: "Download a reply's files", Args: cobra.ExactArgs(2),
		Long: `Download the files of a reply into a directory and print their paths, a line for
each. A file that is there already is left alone and makes this fail, unless
--force is given.`,
		Example: "  engine reply files sess-0199… reply-1 --dir ./pictures",
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := r.client()
			if err != nil {
				return err
			}
			found, err := cl.find(c.Context(), "query($session: ID!, $id: String!) { reply(sessionId: $session, replyId: $id) { "+attachmentFields+" } }",
				map[string]any{"session": args[0], "id": args[1]}, "reply", "attachments")
			if err != nil {
				return err
			}
			var files []file
			if err := json.Unmarshal(found, &files); err != nil {
				return fmt.Errorf("the engine's answer is not a list of files: %w", err)
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("download: %w", err)
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				return fmt.Errorf("download: %w", err)
			}
			defer root.Close()
			for _, f := range files {
				if err := cl.download(c.Context(), f, root, force); err != nil {
					return err
				}
				fmt.Fprintln(c.OutOrStdout(), printable(filepath.Join(dir, f.Name)))
			}
			return nil
		}}
	c.Flags().StringVar(&dir, "dir", dir, "where to put them")
	c.Flags().BoolVar(&force, "force", force, "replace files that are there")
	return c
}

// download puts a file into a directory, whole or not at all. Its name is an
// agent's: anything but a plain name is refused.
func (c *client) download(ctx context.Context, f file, into *os.Root, replace bool) (err error) {
	if f.Name != filepath.Base(f.Name) || !filepath.IsLocal(f.Name) || f.Name == "." {
		return fmt.Errorf("download: %q is not a plain file name", f.Name)
	}
	res, err := c.send(ctx, http.MethodGet, f.URL, "", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("download %q: %w", f.Name, statusError(res))
	}
	if replace {
		if err := into.Remove(f.Name); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("download: %w", err)
		}
	}
	out, err := into.OpenFile(f.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if os.IsExist(err) {
		return failf(exitConflict, "download: %q is there already; --force replaces it", f.Name)
	}
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	_, err = io.Copy(out, res.Body)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		if rerr := into.Remove(f.Name); rerr != nil {
			return fmt.Errorf("download %q: %w (and what is there of it cannot be removed: %v)", f.Name, err, rerr)
		}
		return fmt.Errorf("download %q: %w", f.Name, err)
	}
	return nil
}
