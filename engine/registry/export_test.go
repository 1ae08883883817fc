package registry

import "context"

// The listings' SQL, for a test that asks SQLite how it would run it.
var (
	SessionsSQL        = sessionsSQL
	AgentGroupsSQL     = agentGroupsSQL
	MessagingGroupsSQL = messagingGroupsSQL
	OperationsSQL      = operationsSQL
	OperationItemsSQL  = operationItemsSQL
)

const (
	StaleSQL = staleSQL
	IdleSQL  = idleSQL
	FilesSQL = filesSQL
)

// Settings returns a pragma's value on the writer's and on a reader's connection.
func (r *Registry) Settings(ctx context.Context, pragma string) (writer, reader string, err error) {
	err = r.write(ctx, pragma, func(c *conn) (err error) {
		writer, err = c.Text("PRAGMA " + pragma)
		return err
	})
	if err != nil {
		return "", "", err
	}
	err = r.read(ctx, pragma, func(c *conn) (err error) {
		reader, err = c.Text("PRAGMA " + pragma)
		return err
	})
	return writer, reader, err
}
