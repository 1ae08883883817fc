//go:build !linux

package sessions

import "time"

// notifier is for systems whose kernel tells of changes; elsewhere there is
// none, and files are polled.
type notifier struct{}

func newNotifier(func(*watch, time.Duration), func()) *notifier { return nil }

func (*notifier) add(*Store, *watch) int { return 0 }
func (*notifier) remove(*watch)          {}
func (*notifier) run()                   {}
func (*notifier) close()                 {}
