package engine

// Finding is something in a data directory that is not as the protocol
// promises. Two findings of the same thing are equal.
type Finding struct {
	// Session is the id of the session, "" for the data directory itself.
	Session string
	// File is relative to the session's folder, or to the data directory.
	File string
	// Problem says what is wrong, Advice what to do about it.
	Problem, Advice string
	// Repaired: it was wrong, and is not any more.
	Repaired bool
}
