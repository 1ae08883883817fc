package sessions

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// staged is a message that is ready to be inserted: the text to store, and
// its attachments, which lie in the inbox already, durably.
type staged struct {
	text   string
	given  string    // what a recurring message was before hooks; "" if they left it
	hash   [32]byte  // of the input
	bytes  int64     // of the attachments
	note   *leftover // of the folder that holds them; nil without any
	finish []func()  // run last first when the message is written
	undo   []func()  // run first first when it is not: uploads are free once their copies are gone
}

func (st *staged) keep() {
	for _, f := range slices.Backward(st.finish) {
		f()
	}
}

func (st *staged) discard() {
	for _, f := range st.undo {
		f()
	}
}

// leave is for a message of which nobody knows whether it was written. The
// session's next write asks its row, as after a crash.
func (s *Store) leave(sess engine.Session, st *staged) {
	if st.note == nil {
		return
	}
	s.mu.Lock()
	s.left[sess.ID] = append(s.left[sess.ID], *st.note)
	s.mu.Unlock()
	for _, release := range st.undo[1:] { // the first would remove the folder
		release()
	}
}

// stage puts a draft's attachments away.
func (s *Store) stage(ctx context.Context, sess engine.Session, d *engine.Draft) (_ *staged, err error) {
	st := &staged{text: d.Content.Text}
	if len(d.Content.Attachments) == 0 || d.Dropped {
		st.hash = d.Hash()
		st.given, err = d.GivenText()
		return st, err
	}
	defer func() { st.hash = d.Hash() }() // however it ends, nobody reads the content after
	if s.hasLeft(sess.ID) {
		// An attempt at this very message may hold its upload.
		if err := s.do(ctx, sess, func(*inbox) error { return nil }); err != nil {
			return nil, err
		}
	}
	if !d.Made {
		// A replay's attachments are in place, and its uploads are gone.
		if known, err := s.Accepted(ctx, sess, d.ID); err != nil || known {
			return st, err
		}
	}
	defer func() {
		if err != nil {
			st.discard()
		}
	}()
	if err := s.checkSizes(d.Content.Attachments); err != nil {
		return nil, err
	}
	if err := s.stageFiles(sess, d, st); err != nil {
		return nil, fault(inboxName, err)
	}
	if st.text, err = d.Content.Encode(); err != nil {
		return nil, err
	}
	if size, limit := int64(len(st.text)), s.opts.Limits.ContentBytes; size > limit {
		return nil, engine.ContentTooLarge(size, limit)
	}
	st.given, err = d.GivenText()
	return st, err
}

// checkSizes refuses what is too large before anything is decoded.
func (s *Store) checkSizes(drafts []engine.AttachmentDraft) error {
	for _, a := range drafts {
		if a.Data == nil || a.Bytes != nil || a.Spilled != nil {
			continue
		}
		if size, limit := decodedSize(*a.Data), s.opts.Limits.AttachmentBytes; size > limit {
			return tooLarge(a, "data", limit)
		}
	}
	return nil
}

func tooLarge(a engine.AttachmentDraft, field string, limit int64) error {
	e := engine.Errorf(engine.CodeLimitExceeded, "the attachment has more than the %d bytes that are allowed; larger files go through POST /uploads", limit)
	return e.In(append(append([]string{}, a.Field...), field)...)
}

func (s *Store) stageFiles(sess engine.Session, d *engine.Draft, st *staged) error {
	f, err := s.enter(sess)
	if err != nil {
		return err
	}
	defer f.close()
	inbox, err := s.inboxDir(f.dir)
	if err != nil {
		return err
	}
	defer inbox.close()
	folderName, folder, err := s.messageDir(sess, inbox, d.ID, st)
	if err != nil {
		return err
	}
	defer folder.close()
	used := map[string]bool{}
	names := make([]string, len(d.Content.Attachments))
	for i, a := range d.Content.Attachments {
		given := fileName(a.Element)
		name := given
		for n := 2; used[strings.ToLower(name)]; n++ {
			name = numbered(given, n)
		}
		used[strings.ToLower(name)] = true // some file systems fold case
		size, err := s.put(folder, name, a, st)
		if err != nil {
			return err
		}
		st.bytes += size
		names[i] = name
	}
	d.Hash()
	for i, a := range d.Content.Attachments {
		a.Element["name"], a.Element["localPath"] = names[i], inboxName+"/"+folderName+"/"+names[i]
		delete(a.Element, "data")
		delete(a.Element, "uploadId")
	}
	if err := folder.sync(); err != nil {
		return err
	}
	return inbox.sync()
}

// inboxDir opens the session's inbox, and makes it if need be.
func (s *Store) inboxDir(d *dir) (*dir, error) {
	inbox, err := d.sub(inboxName)
	if !errors.Is(err, unix.ENOENT) {
		return inbox, err
	}
	inbox, err = s.makeDir(d, inboxName)
	if errors.Is(err, unix.EEXIST) {
		return d.sub(inboxName)
	}
	if err != nil {
		return nil, err
	}
	if err := d.sync(); err != nil {
		inbox.close()
		return nil, err
	}
	return inbox, nil
}

// messageDir makes the folder of a message's attachments. One that is there
// already is a stranger's, or belongs to another attempt at the same message:
// it is left alone, and another name taken.
func (s *Store) messageDir(sess engine.Session, inbox *dir, id string, st *staged) (string, *dir, error) {
	name := inboxFolder(id)
	folder, end, err := s.newMessageDir(sess, inbox, name, id)
	if errors.Is(err, unix.EEXIST) {
		name = name[:min(len(name), 100)] + "-" + rand.Text()
		folder, end, err = s.newMessageDir(sess, inbox, name, id)
	}
	if err != nil {
		return "", nil, err
	}
	st.note = &leftover{intent{AgentGroup: sess.AgentGroupID, Session: sess.ID, Inbox: name, Message: id}, end}
	st.finish = append(st.finish, end)
	st.undo = append(st.undo, func() {
		if s.removeInbox(sess, name) == nil {
			end() // else the next start tries again
		}
	})
	return name, folder, nil
}

// newMessageDir makes a directory, and notes that it is being filled until end
// is called. One that exists is EEXIST.
func (s *Store) newMessageDir(sess engine.Session, inbox *dir, name, id string) (folder *dir, end func(), err error) {
	if _, err := inbox.stat(name); err == nil {
		return nil, nil, unix.EEXIST
	}
	end, err = s.intents.begin(intent{AgentGroup: sess.AgentGroupID, Session: sess.ID, Inbox: name, Message: id}, true)
	if err != nil {
		return nil, nil, err
	}
	if folder, err = s.makeDir(inbox, name); err != nil {
		end()
		return nil, nil, err
	}
	return folder, end, nil
}

func (s *Store) removeInbox(sess engine.Session, name string) error {
	f, err := s.enter(sess)
	if err != nil {
		return err
	}
	defer f.close()
	inbox, err := f.dir.sub(inboxName)
	if err != nil {
		return err
	}
	defer inbox.close()
	if err := inbox.removeDurably(name); err != nil {
		s.log.Error("remove attachments of a message that was not written", "session", sess.ID, "folder", name, "error", err)
		return err
	}
	return nil
}

// put makes one attachment's file, durably, and returns its size in bytes.
func (s *Store) put(folder *dir, name string, a engine.AttachmentDraft, st *staged) (int64, error) {
	if a.UploadID != nil {
		return s.putUpload(folder, name, a, st)
	}
	f, err := s.create(folder, name)
	if err != nil {
		return 0, err
	}
	size, err := writeDurably(f, a)
	return size, errors.Join(err, f.Close())
}

func writeDurably(f *os.File, a engine.AttachmentDraft) (int64, error) {
	if err := writeAttachment(f, a); err != nil {
		return 0, err
	}
	if err := syncData(int(f.Fd())); err != nil {
		return 0, err
	}
	return f.Seek(0, io.SeekCurrent)
}

func writeAttachment(w io.Writer, a engine.AttachmentDraft) error {
	switch {
	case a.Spilled != nil:
		_, err := io.Copy(w, io.NewSectionReader(a.Spilled, 0, a.Spilled.Size()))
		return err
	case a.Bytes != nil:
		_, err := w.Write(a.Bytes)
		return err
	}
	return decodeAttachment(w, a)
}

// decodeAttachment writes what an attachment's base64 stands for.
func decodeAttachment(w io.Writer, a engine.AttachmentDraft) error {
	err := decodeBase64(w, *a.Data)
	if errors.Is(err, errBase64) {
		return engine.InvalidField("data", "%s", errBase64.Error()).In(a.Field...)
	}
	return err
}
