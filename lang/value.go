package lang

// A ValueKind is the kind of a JSON value.
type ValueKind uint8

// The kinds of JSON values.
const (
	Null ValueKind = iota
	Bool
	Number
	String
	Array
	Object
)

// A Value is a JSON value that remembers where it stands in the text.
type Value struct {
	Kind    ValueKind
	Pos     Pos
	Bool    bool
	Str     string   // the decoded string, or the digits of a number as written
	Items   []*Value // of an array
	Members []Member // of an object, in the order of the text, duplicates kept
}

// A Member is one key of an object with its value.
type Member struct {
	Key    string
	KeyPos Pos
	Value  *Value
}

// Get returns the last value with the given key, or nil.
func (v *Value) Get(key string) *Value {
	if v == nil {
		return nil
	}
	for i := len(v.Members) - 1; i >= 0; i-- {
		if v.Members[i].Key == key {
			return v.Members[i].Value
		}
	}
	return nil
}
