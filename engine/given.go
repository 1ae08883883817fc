package engine

import (
	"maps"
	"slices"
	"strconv"
)

// clone copies what is changed when attachments are put away.
func (c Content) clone() Content {
	if len(c.Attachments) == 0 {
		return c
	}
	object := maps.Clone(c.value.(map[string]any))
	list := slices.Clone(object["attachments"].([]any))
	for _, a := range c.Attachments {
		list[a.At] = maps.Clone(a.Element)
	}
	object["attachments"] = list
	c.value = object
	return c
}

// GivenText is the content of a recurring message as its sender gave it, with
// its attachments where they were put away: what hooks removed of them is
// gone. It is "" if no hook was asked. Attachments must have been put away.
func (d *Draft) GivenText() (string, error) {
	if d.given == nil {
		return "", nil
	}
	if len(d.given.Attachments) == 0 {
		return d.given.Text, nil
	}
	stored := map[int]map[string]any{}
	for _, a := range d.Content.Attachments {
		at, err := strconv.Atoi(a.Field[len(a.Field)-1])
		if err != nil {
			return "", err
		}
		stored[at] = a.Element
	}
	object := maps.Clone(d.given.value.(map[string]any))
	list := slices.Clone(object["attachments"].([]any))
	for _, a := range slices.Backward(d.given.Attachments) {
		element := stored[a.At]
		if element == nil {
			list = slices.Delete(list, a.At, a.At+1)
			continue
		}
		e := maps.Clone(list[a.At].(map[string]any))
		delete(e, "data")
		delete(e, "uploadId")
		e["name"], e["localPath"] = element["name"], element["localPath"]
		list[a.At] = e
	}
	object["attachments"] = list
	return encodeJSON(object)
}
