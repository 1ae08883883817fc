package graph

// ParseJSON is for tests.
var ParseJSON = parseJSON
