package lang

// A Tag is what the inline tags of one entity of a schema say.
type Tag struct {
	// Path names the entity, dotted: the record "a.b.Rec", its field
	// "a.b.Rec.f".
	Path string
	// Type is what kind of entity it is, in the registry's words: sr_record or
	// sr_field.
	Type string
	// Tags are the tags themselves, as they are written, in that order.
	Tags []string
}

// A Tagger is a [Schema] whose language can carry tags in the text.
type Tagger interface {
	// Tags returns the entities that have tags, in the order of the text.
	Tags() []Tag
	// WithTags returns the schema's canonical text with tags added to and
	// removed from the entities named, removals last. Tags that are there
	// already are not added twice; tags that are not there are not missed. A
	// path that names no entity is an error.
	WithTags(add, remove []Tag) (string, error)
}
