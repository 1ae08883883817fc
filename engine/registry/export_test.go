package registry

// The listings' SQL, for a test that asks SQLite how it would run it.
var (
	SessionsSQL        = sessionsSQL
	AgentGroupsSQL     = agentGroupsSQL
	MessagingGroupsSQL = messagingGroupsSQL
)

const StaleSQL = staleSQL
