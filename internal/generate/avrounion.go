package generate

import (
	"strings"

	"github.com/wireproof/wireproof/lang/avro"
)

// wrapperNames are what the wrapper of an unnamed type is called after.
var wrapperNames = map[avro.Kind]string{
	avro.Boolean: "Boolean", avro.Int: "Int", avro.Long: "Long", avro.Float: "Float", avro.Double: "Double",
	avro.Bytes: "Bytes", avro.String: "String", avro.Array: "Array", avro.Map: "Map",
}

// A unionBranch is how one branch of a real union looks in Go.
type unionBranch struct {
	goType string // what the interface holds: *CardPayment, Channel or a wrapper
	inner  string // type of the wrapper's Value; empty if there is no wrapper
}

// branch returns how branch b of the union with the given Go name looks. A named
// type of the same package implements the interface itself; anything else is
// wrapped.
func (u *avroUnit) branch(union string, b *avro.Type) (unionBranch, error) {
	suffix := wrapperNames[b.Kind]
	if b.Name != "" {
		n, err := u.named(b)
		if err != nil {
			return unionBranch{}, err
		}
		if n.unit.ImportPath == u.ImportPath && b.Logical != avro.Decimal {
			if b.Kind == avro.Record {
				return unionBranch{goType: "*" + n.name}, nil
			}
			return unionBranch{goType: n.name}, nil
		}
		suffix = n.name
	}
	inner, err := u.goType(b)
	return unionBranch{goType: union + suffix, inner: inner}, err
}

// declareUnions prints the interface and the wrappers of each real union below t.
func (u *avroUnit) declareUnions(t *avro.Type, field, record string) error {
	switch t.Kind {
	case avro.Array, avro.Map:
		return u.declareUnions(t.Items, field, record)
	case avro.Union:
	default:
		return nil
	}
	for _, b := range t.Branches {
		if b.Kind != avro.Record {
			if err := u.declareUnions(b, field, record); err != nil {
				return err
			}
		}
	}
	name, ok := u.unions[t]
	if !ok {
		return nil
	}
	var holds []string
	var methods strings.Builder
	null := ""
	for i, b := range t.Branches {
		if b.Kind == avro.Null {
			null = " nil is null."
			continue
		}
		br, err := u.branch(name, b)
		if err != nil {
			return err
		}
		typ, pointer := strings.CutPrefix(br.goType, "*")
		typ = "[" + typ + "]"
		if pointer {
			typ = "*" + typ
		}
		holds = append(holds, typ)
		if br.inner != "" {
			if err := u.claim(br.goType, "a wrapper of the union at "+t.BranchPos[i].String(), t.BranchPos[i]); err != nil {
				return err
			}
			methods.WriteString("// " + br.goType + " is a branch of [" + name + "].\ntype " + br.goType + " struct{ Value " + br.inner + " }\n\n")
		}
		methods.WriteString("func (" + br.goType + ") is" + name + "() {}\n\n")
	}
	list := holds[0]
	if n := len(holds); n > 1 {
		list = strings.Join(holds[:n-1], ", ") + " or " + holds[n-1]
	}
	u.printf("%s", comment(name+" is what field "+field+" of ["+record+"] may hold: "+list+"."+null, ""))
	u.printf("type %s interface{ is%s() }\n\n%s", name, name, methods.String())
	return nil
}
