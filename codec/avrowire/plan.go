package avrowire

import (
	"fmt"
	"sync"

	"github.com/wireproof/wireproof/lang/avro"
)

// A Plan turns data of a writer's schema into data of the reader's: the
// resolution rules of the Avro specification, worked out once for each pair of
// schemas, so that one direct decoder serves every writer. It is a list of
// programs, one for each pair of records and one for each item of an array or
// map; a program is a flat list of steps.
//
// A Plan is safe for concurrent use.
type Plan struct {
	programs []program
	root     step
	identity bool // the data is the same in both schemas

	pool sync.Pool // of *scratch
}

type program []step

// A step reads one value of the writer and appends what the reader has for it.
type step struct {
	op   opcode
	name string // of the field, for paths
	n    int    // size, count or scale, as op says
	sub  int    // a program
	data string // bytes to insert, or why data cannot be read
	subs []int  // programs of the branches of a union
	list []int  // symbols of the reader by those of the writer; or segments
}

type opcode uint8

const (
	opLong          opcode = iota // copy a number
	opBool                        // copy a boolean
	opText                        // copy a string or bytes
	opFixed                       // copy n bytes
	opDecimal                     // copy bytes that hold at most n digits
	opDecimalFixed                // the same in as many bytes as sub says
	opEnum                        // translate a symbol with list; -1 has none
	opArray                       // items of at least n bytes, by program sub
	opMap                         // the same with keys
	opUnion                       // one of subs, by the branch
	opRecord                      // program sub
	opSteps                       // program sub, which is of no record
	opInsert                      // insert data; reads nothing
	opLongToFloat                 // promotions
	opLongToDouble                //
	opFloatToDouble               //
	opTimes                       // a number of coarser units: times n
	opDivide                      // a number of finer units: by n, rounded down
	opFail                        // data says why nothing can be read here
	opMark                        // a segment of the output begins
	opArrange                     // put the last segments into the order of list
	opSkipLong                    // the rest append nothing
	opSkipText                    //
	opSkipFixed                   // n bytes
	opSkipBlocks                  // items of at least n bytes, by program sub
	opSkipUnion                   // one of subs
	opSkipRecord                  // program sub
)

// NewPlan resolves the writer's schema against the reader's. It fails if no data
// of the writer can be read; where only some cannot, such as one branch of a
// union, the error comes with the message.
//
// Named types match by their unqualified names or the reader's aliases, as the
// specification and the rules of compatibility have it; Java also reads a record
// as one of another name. Beyond the specification, timestamps and times of day in
// other units are converted, and decimals of another scale and values of another
// meaning, such as a date for a timestamp, are refused: all of them would otherwise
// be read as wrong numbers.
func NewPlan(writer, reader *avro.Schema) (*Plan, error) {
	c := &compiler{pairs: map[pair]int{}, skips: map[*avro.Type]int{}, sizes: map[*avro.Type]int{}, failed: map[int]error{}}
	root, err := c.value(writer.Root, reader.Root)
	if err != nil {
		return nil, fmt.Errorf("resolve %s against %s: %w", describe(writer.Root), describe(reader.Root), err)
	}
	p := &Plan{programs: c.programs, root: root}
	p.identity = !c.converts && writer.Parsing() == reader.Parsing()
	return p, nil
}

// Transcode returns data in the reader's schema.
func (p *Plan) Transcode(data string) (string, error) {
	buf, _ := p.pool.Get().(*scratch)
	if buf == nil {
		buf = new(scratch)
	}
	x := execution{
		Reader: NewReader(data), plan: p, scratch: buf,
		budget: insertable + insertFactor*len(data), calls: records + recordFactor*len(data),
	}
	x.step(&p.root)
	err := x.End()
	out := string(x.out)
	if cap(x.out)+cap(x.moved) <= keepScratch {
		x.out, x.moved, x.marks = x.out[:0], x.moved[:0], x.marks[:0]
		p.pool.Put(buf)
	}
	if err != nil {
		return "", x.located(err)
	}
	return out, nil
}

// locate returns err, with which decoding data has ended, with its path if
// reading once more finds it.
func (p *Plan) locate(data string, err error) error {
	if _, located := p.Transcode(data); located != nil {
		return located
	}
	return err
}
