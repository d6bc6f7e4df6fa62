package protobuf

// The tree is the text as written, without comments: what printing and positions
// need and descriptors have lost.

type span struct{ start, end int }

type fileNode struct {
	keyword, version string // syntax or edition; empty if not written
	pkg              string
	pkgAt            span
	imports          []*importNode
	options          []*optionNode
	messages         []*messageNode
	enums            []*enumNode
	extends          []*extendNode
	services         []*serviceNode
}

type importNode struct {
	path     string
	modifier string // public, weak, option or empty
	at       span
}

type optionNode struct {
	name  string
	value valueNode
	at    span
}

type valueKind uint8

const (
	valueWord valueKind = iota // identifier or number, as written, with its sign
	valueString
	valueList
	valueMessage
)

type valueNode struct {
	kind    valueKind
	text    string // of a word as written, of a string its bytes
	items   []valueNode
	entries []entryNode
}

type entryNode struct {
	key   string
	value valueNode
}

type messageNode struct {
	visibility string // export or local, or empty
	name       string
	at         span
	reserved   []*rangesNode
	options    []*optionNode
	fields     []*fieldNode // not of a oneof
	oneofs     []*oneofNode
	extensions []*rangesNode
	extends    []*extendNode
	messages   []*messageNode
	enums      []*enumNode
}

type fieldNode struct {
	label    string
	typ      string // of a map: of its value
	key      string // key type of a map, or empty
	name     string
	number   string // decimal
	options  []*optionNode
	sorted   bool         // the options stand as they are to be printed
	group    *messageNode // the body of a group, or nil
	nameAt   span
	typeAt   span
	numberAt span
}

type oneofNode struct {
	name    string
	at      span
	options []*optionNode
	fields  []*fieldNode
}

// A rangesNode is a reserved or extensions statement. Items are numbers, ranges
// such as "2 to max", or names as strings or words.
type rangesNode struct {
	items   []string
	quoted  bool // names written as strings
	names   bool
	options []*optionNode
	at      span
}

type enumNode struct {
	visibility string
	name       string
	at         span
	reserved   []*rangesNode
	options    []*optionNode
	values     []*enumValueNode
}

type enumValueNode struct {
	name     string
	number   string
	options  []*optionNode
	nameAt   span
	numberAt span
}

type extendNode struct {
	target string
	at     span
	fields []*fieldNode
}

type serviceNode struct {
	name    string
	at      span
	options []*optionNode
	rpcs    []*rpcNode
}

type rpcNode struct {
	name             string
	at               span
	input, output    string
	inStream, stream bool
	options          []*optionNode
}
