package protorules

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// mend says of the last finding which statement in the message or enum at its new
// place would have made it right. Where the statement is certain to be allowed
// there, the finding gets an edit too.
func (w *bufWalk) mend(kind, name, statement string, certain bool) {
	p := &w.found[len(w.found)-1]
	p.finding.Fix = "add " + statement + " to " + kind + " " + name
	if certain {
		p.insert = statement
	}
}

// mendField reserves what a deleted field was, unless the message has something
// else there by now.
func (w *bufWalk) mendField(m protoreflect.MessageDescriptor, old protoreflect.FieldDescriptor, byName bool) {
	if byName {
		w.mend("message", nestedName(m), "reserved "+reservedName(m, old.Name())+";", m.Fields().ByName(old.Name()) == nil)
		return
	}
	w.mend("message", nestedName(m), "reserved "+number(old)+";", !m.ExtensionRanges().Has(old.Number()))
}

// reservedName spells a name in a reserved statement: editions take it without
// quotes.
func reservedName(d protoreflect.Descriptor, name protoreflect.Name) string {
	if d.ParentFile().Syntax() == protoreflect.Editions {
		return string(name)
	}
	return quoted(name)
}

// insertion is the edit that puts a statement first in the block which stands at
// the place of a finding.
func insertion(f *protobuf.ImageFile, finding *rule.Finding, statement string) *rule.Edit {
	at := finding.New
	if f == nil || at.End > len(f.Text) || at.Start >= at.End {
		return nil
	}
	open := protobuf.OpeningBrace(f.Text[at.Start:at.End])
	if open < 0 {
		return nil
	}
	pos := at
	pos.Start += open + 1
	pos.End = pos.Start
	before := f.Text[:pos.Start]
	pos.Line += strings.Count(f.Text[at.Start:pos.Start], "\n")
	pos.Col = pos.Start - (strings.LastIndexByte(before, '\n') + 1) + 1
	pos.EndLine, pos.EndCol = 0, 0
	text := " " + statement
	if rest := f.Text[pos.Start:]; strings.HasPrefix(strings.TrimLeft(rest, " \t\r"), "\n") {
		line := f.Text[strings.LastIndexByte(f.Text[:at.Start], '\n')+1:]
		text = "\n" + line[:len(line)-len(strings.TrimLeft(line, " \t"))] + "  " + statement
	}
	return &rule.Edit{Pos: pos, Text: text}
}
