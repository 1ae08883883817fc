package hooks

// outcome is how a call ended.
type outcome int

const (
	returned outcome = iota
	threw
	pending // a promise that nothing settles any more
)

// settle does what a call left to be done, and returns what became of the
// value that it returned.
func (q *quickJS) settle(v jsValue) (jsValue, outcome, error) {
	for v != jsException {
		due, err := q.run(q.jobPending)
		if err != nil {
			return 0, 0, err
		}
		if uint32(due) == 0 {
			break
		}
		ran, err := q.run(q.executeJob)
		if err != nil {
			return 0, 0, err
		}
		if int32(ran) < 0 { // nothing could catch it
			v = jsException
		}
	}
	if v == jsException {
		e, err := q.run(q.getException, q.context)
		return jsValue(e), threw, err
	}
	if !v.object() {
		return v, returned, nil
	}
	if is, err := q.run(q.isPromise, uint64(v)); err != nil || uint32(is) == 0 {
		return v, returned, err
	}
	state, err := q.run(q.promiseState, q.context, uint64(v))
	if err != nil {
		return 0, 0, err
	}
	if uint32(state) == 0 {
		return v, pending, nil
	}
	result, err := q.run(q.promiseResult, q.context, uint64(v))
	if err != nil {
		return 0, 0, err
	}
	if uint32(state) == 2 {
		return jsValue(result), threw, nil
	}
	return jsValue(result), returned, q.release(v)
}
