package avrorules

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/avro"
)

// meanings warns where reader and writer agree on the bytes and not on what they
// mean. It is a walk of its own, since the trials of the other one end early;
// done holds the pairs of named types that it has met.
func (w *walker) meanings(reader, writer *avro.Type, at place, done map[pair]bool) {
	if isNamed(reader) {
		if done[pair{reader, writer}] {
			return
		}
		done[pair{reader, writer}] = true
	}
	switch {
	case writer.Kind == avro.Union:
		for _, branch := range writer.Branches {
			if near := w.alike(reader, branch); near != nil {
				w.meanings(near, branch, w.inBranch(at, reader, writer, near, branch), done)
			}
		}
	case reader.Kind == avro.Union:
		if near := w.alike(reader, writer); near != nil {
			w.meanings(near, writer, w.inBranch(at, reader, writer, near, writer), done)
		}
	case reader.Kind != writer.Kind:
	case reader.Kind == avro.Array:
		w.meanings(reader.Items, writer.Items, w.below(at, reader, writer, "[]", "items"), done)
	case reader.Kind == avro.Map:
		w.meanings(reader.Items, writer.Items, w.below(at, reader, writer, "{}", "values"), done)
	case reader.Kind == avro.Record:
		w.fieldMeanings(reader, writer, at, done)
	}
	w.typeRegrets(reader, writer, at)
}

func (w *walker) fieldMeanings(reader, writer *avro.Type, at place, done map[pair]bool) {
	for _, rf := range reader.Fields {
		matches := w.writerFields(rf, writer)
		below := at
		below.crumb = at.step("."+rf.Name, "")
		if len(matches) == 0 {
			w.renames(rf, reader, writer, below)
		}
		if len(matches) != 1 {
			continue
		}
		w.fieldRegrets(rf, matches[0], below)
		below.what = "field " + strconv.Quote(cut(rf.Name))
		below.newPos, below.oldPos = sides(w, rf.TypePos, matches[0].TypePos)
		w.meanings(rf.Type, matches[0].Type, below, done)
	}
}

func (w *walker) logical(reader, writer *avro.Type, at place) {
	newMeaning, oldMeaning := sides(w, meaning(reader), meaning(writer))
	if newMeaning == oldMeaning || reader.Kind != writer.Kind {
		return
	}
	r := logicalChanged
	if newMeaning == "" || oldMeaning == "" {
		r = logicalAddedOrRemoved
		newMeaning, oldMeaning = cmp.Or(newMeaning, "plain "+kindWord(reader)), cmp.Or(oldMeaning, "plain "+kindWord(writer))
	}
	w.report(&rule.Finding{
		Rule: r, New: at.newPos, NewNote: newMeaning, Old: at.oldPos, OldNote: oldMeaning,
		Message: fmt.Sprintf("%s changed from %s to %s", at.what, oldMeaning, newMeaning),
	}, at, words{})
}

// meaning names what a logical type makes of its bytes, as far as a change of it
// gives wrong values; it is empty if the type has none.
func meaning(t *avro.Type) string {
	switch t.Logical {
	case avro.Decimal:
		return fmt.Sprintf("decimal with scale %d", t.Scale)
	case avro.BigDecimal:
		return "big-decimal"
	case avro.UUID:
		return "uuid"
	case avro.Date:
		return "date"
	case avro.TimeMillis:
		return "time-millis"
	case avro.TimeMicros:
		return "time-micros"
	case avro.TimestampMillis:
		return "timestamp-millis"
	case avro.TimestampMicros:
		return "timestamp-micros"
	case avro.TimestampNanos:
		return "timestamp-nanos"
	case avro.LocalTimestampMillis:
		return "local-timestamp-millis"
	case avro.LocalTimestampMicros:
		return "local-timestamp-micros"
	case avro.LocalTimestampNanos:
		return "local-timestamp-nanos"
	case avro.Duration:
		return "duration"
	}
	return ""
}
