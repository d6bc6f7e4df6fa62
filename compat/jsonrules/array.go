package jsonrules

import (
	"strconv"

	"github.com/wireproof/wireproof/lang/jsonschema"
)

func (w *walker) array(r *result, o, u *jsonschema.Node) {
	if !w.spend(len(o.Tuple) + len(u.Tuple)) {
		return
	}
	w.child(r, "/items", o, u, o.Items, u.Items)
	w.tuple(r, o, u)
	w.additional(r, "ADDITIONAL_ITEMS", "additionalItems", o, u)
	w.unevaluated(r, "UNEVALUATED_ITEMS", "unevaluatedItems", o, u)
	w.limit(r, "MAX_ITEMS", "maxItems", o, u)
	w.limit(r, "MIN_ITEMS", "minItems", o, u)
	switch {
	case !o.UniqueItems && u.UniqueItems:
		w.at(r, "UNIQUE_ITEMS_ADDED", "uniqueItems", o, u, said{name: "uniqueItems"})
	case o.UniqueItems && !u.UniqueItems:
		w.at(r, "UNIQUE_ITEMS_REMOVED", "uniqueItems", o, u, said{name: "uniqueItems"})
	}
	w.limit(r, "MAX_CONTAINS", "maxContains", o, u)
	w.limit(r, "MIN_CONTAINS", "minContains", o, u)
	w.ignored(r, "JSON_CONTAINS_CHANGED", o, u, "contains")
}

// tuple compares the items that have a schema each. The content models are those
// of objects.
func (w *walker) tuple(r *result, o, u *jsonschema.Node) {
	for i := range max(len(o.Tuple), len(u.Tuple)) {
		path := "/items/" + strconv.Itoa(i)
		switch {
		case i >= len(u.Tuple):
			w.itemRemoved(r, path, i, o.Tuple[i], u)
		case i >= len(o.Tuple):
			w.itemAdded(r, path, i, o, u.Tuple[i])
		default:
			w.under(r, path, o.Tuple[i], u.Tuple[i])
		}
	}
}

func (w *walker) itemRemoved(r *result, path string, i int, item, u *jsonschema.Node) {
	s := said{name: strconv.Itoa(i)}
	add := func(name string) { w.add(r, name, path, item.Pos, u.Pos, s) }
	if openRest(u) {
		add("ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL")
		return
	}
	cover := coveringRest(u)
	switch {
	case cover != nil:
		part := w.pair(item, cover)
		w.take(r, path, part)
		if part.incompatible {
			add("ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
		} else {
			add("ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
		}
	case item.Resolved().Kind == jsonschema.False:
		add("ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL")
	default:
		add("ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL")
	}
}

func (w *walker) itemAdded(r *result, path string, i int, o, item *jsonschema.Node) {
	s := said{name: strconv.Itoa(i)}
	add := func(name string) { w.add(r, name, path, o.Pos, item.Pos, s) }
	if openRest(o) {
		if isAnything(item) {
			add("ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL")
		} else {
			add("ITEM_ADDED_TO_OPEN_CONTENT_MODEL")
		}
		return
	}
	cover := coveringRest(o)
	if cover == nil {
		add("ITEM_ADDED_TO_CLOSED_CONTENT_MODEL")
		return
	}
	part := w.pair(cover, item)
	w.take(r, path, part)
	if part.incompatible {
		add("ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
	} else {
		add("ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
	}
}
