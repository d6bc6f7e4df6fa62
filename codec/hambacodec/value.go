package hambacodec

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hamba/avro/v2"
)

// narrow are the Go kinds into which hamba/avro puts a number without looking
// whether it fits.
var narrow = map[avro.Type]map[reflect.Kind]bool{
	avro.Int:  {reflect.Int8: true, reflect.Uint8: true, reflect.Int16: true, reflect.Uint16: true},
	avro.Long: {reflect.Uint32: true},
}

var timeType = reflect.TypeFor[time.Time]()

// A typePair is a record with a struct that it is read into.
type typePair struct {
	record string
	goType reflect.Type
}

// checkType returns an error if t has a field that cannot hold every value of
// its place in schema.
func checkType(schema avro.Schema, t reflect.Type, seen map[typePair]bool) error {
	schema = deref(schema)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch s := schema.(type) {
	case *avro.RecordSchema:
		pair := typePair{s.FullName(), t}
		if t.Kind() != reflect.Struct || seen[pair] {
			return nil
		}
		seen[pair] = true
		for _, f := range s.Fields() {
			index, ok := fieldOf(t, f)
			if !ok {
				continue
			}
			if err := checkType(f.Type(), t.FieldByIndex(index).Type, seen); err != nil {
				return fmt.Errorf("field %s: %w", f.Name(), err)
			}
		}
	case *avro.ArraySchema:
		if t.Kind() == reflect.Slice {
			return checkType(s.Items(), t.Elem(), seen)
		}
	case *avro.MapSchema:
		if t.Kind() == reflect.Map {
			return checkType(s.Values(), t.Elem(), seen)
		}
	case *avro.UnionSchema:
		for _, branch := range s.Types() {
			if err := checkType(branch, t, seen); err != nil {
				return err
			}
		}
	}
	if narrow[schema.Type()][t.Kind()] {
		return fmt.Errorf("a Go %s does not hold every Avro %s", t.Kind(), schema.Type())
	}
	return nil
}

// fieldOf finds the field of struct t that hamba/avro uses for f: the one that
// is tagged or, without a tag, called like it; the outermost first.
func fieldOf(t reflect.Type, f *avro.Field) (index []int, ok bool) {
	for _, name := range append([]string{f.Name()}, f.Aliases()...) {
		for _, sf := range reflect.VisibleFields(t) {
			tag, tagged := sf.Tag.Lookup("avro")
			if !tagged {
				tag = sf.Name
			}
			tag, _, _ = strings.Cut(tag, ",")
			if tag == name && !sf.Anonymous && sf.IsExported() && len(sf.Index) > 0 && (!ok || len(sf.Index) < len(index)) {
				index, ok = sf.Index, true
			}
		}
		if ok {
			return index, true
		}
	}
	return nil, false
}

// A guard checks values before they are encoded.
type guard struct {
	idle  bool     // no value can be wrong
	plans sync.Map // of *avro.RecordSchema to *plan
}

// A plan is what has to be looked at in a struct that is written as a record.
type plan struct {
	goType reflect.Type
	fields []plannedField
}

type plannedField struct {
	name   string
	schema avro.Schema
	index  []int
}

func newGuard(schema avro.Schema, t reflect.Type) *guard {
	return &guard{idle: !risky(schema, t, map[typePair]bool{})}
}

// risky reports whether hamba/avro could write a value of type t as another one.
func risky(schema avro.Schema, t reflect.Type, seen map[typePair]bool) bool {
	schema = deref(schema)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Interface || t == reflect.TypeFor[big.Rat]() {
		return true
	}
	switch s := schema.(type) {
	case *avro.RecordSchema:
		pair := typePair{s.FullName(), t}
		if t.Kind() != reflect.Struct || seen[pair] {
			return t.Kind() != reflect.Struct
		}
		seen[pair] = true
		return slices.ContainsFunc(s.Fields(), func(f *avro.Field) bool {
			index, ok := fieldOf(t, f)
			return ok && risky(f.Type(), t.FieldByIndex(index).Type, seen)
		})
	case *avro.ArraySchema:
		return t.Kind() != reflect.Slice || risky(s.Items(), t.Elem(), seen)
	case *avro.MapSchema:
		return t.Kind() != reflect.Map || risky(s.Values(), t.Elem(), seen)
	case *avro.UnionSchema:
		return slices.ContainsFunc(s.Types(), func(b avro.Schema) bool { return risky(b, t, seen) })
	}
	if t == timeType {
		return logical(schema) != ""
	}
	return schema.Type() == avro.Int && (t.Kind() == reflect.Int || t.Kind() == reflect.Int64)
}

func (g *guard) planOf(s *avro.RecordSchema, t reflect.Type) *plan {
	if known, ok := g.plans.Load(s); ok && known.(*plan).goType == t {
		return known.(*plan)
	}
	p := &plan{goType: t}
	for _, f := range s.Fields() {
		index, ok := fieldOf(t, f)
		if ok && risky(f.Type(), t.FieldByIndex(index).Type, map[typePair]bool{}) {
			p.fields = append(p.fields, plannedField{f.Name(), f.Type(), index})
		}
	}
	g.plans.Store(s, p)
	return p
}

// checkValue returns an error if hamba/avro would write another number than v
// holds.
func (g *guard) checkValue(schema avro.Schema, v reflect.Value) error {
	schema = deref(schema)
	if rat, ok := ratOf(v); ok {
		return checkDecimal(schema, rat)
	}
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v = v.Elem(); !v.IsValid() {
			return nil
		}
	}
	switch s := schema.(type) {
	case *avro.RecordSchema:
		return g.checkFields(s, v)
	case *avro.ArraySchema:
		if v.Kind() != reflect.Slice {
			return nil
		}
		for i := range v.Len() {
			if err := g.checkValue(s.Items(), v.Index(i)); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
	case *avro.MapSchema:
		if v.Kind() != reflect.Map {
			return nil
		}
		for iter := v.MapRange(); iter.Next(); {
			if err := g.checkValue(s.Values(), iter.Value()); err != nil {
				return fmt.Errorf("[%q]: %w", iter.Key(), err)
			}
		}
	case *avro.UnionSchema:
		return g.checkBranch(s, v)
	}
	if v.Type() == timeType && v.CanInterface() {
		return checkTime(schema, v.Interface().(time.Time))
	}
	return checkInt(schema, v)
}

func (g *guard) checkFields(s *avro.RecordSchema, v reflect.Value) error {
	switch {
	case v.Kind() == reflect.Struct:
		for _, f := range g.planOf(s, v.Type()).fields {
			of, err := v.FieldByIndexErr(f.index)
			if err != nil {
				continue // a nil embedded pointer holds no number
			}
			if err := g.checkValue(f.schema, of); err != nil {
				return fmt.Errorf("field %s: %w", f.name, err)
			}
		}
	case v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String:
		for _, f := range s.Fields() {
			of := v.MapIndex(reflect.ValueOf(f.Name()).Convert(v.Type().Key()))
			if !of.IsValid() {
				continue
			}
			if err := g.checkValue(f.Type(), of); err != nil {
				return fmt.Errorf("field %s: %w", f.Name(), err)
			}
		}
	}
	return nil
}

// checkBranch checks v against the branch that it will be written as: the one
// that a map names, else the only one of its kind.
func (g *guard) checkBranch(s *avro.UnionSchema, v reflect.Value) error {
	named := v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String && v.Len() == 1
	hasLong := slices.ContainsFunc(s.Types(), func(b avro.Schema) bool { return b.Type() == avro.Long })
	var fault error
	for _, branch := range s.Types() {
		branch = deref(branch)
		if hasLong && branch.Type() == avro.Int && v.Type() == reflect.TypeFor[int64]() {
			continue // written as the long
		}
		of := v
		if named {
			if entry := v.MapIndex(reflect.ValueOf(branchName(branch)).Convert(v.Type().Key())); entry.IsValid() {
				of = entry
			}
		}
		err := g.checkValue(branch, of)
		if record := branch.Type() == avro.Record; record && v.Kind() == reflect.Struct && err == nil {
			return nil // it may be the struct of this record
		}
		fault = cmp.Or(fault, err)
	}
	return fault
}

func branchName(s avro.Schema) string {
	if named, ok := s.(avro.NamedSchema); ok {
		return named.FullName()
	}
	name := string(s.Type())
	if l, ok := s.(avro.LogicalTypeSchema); ok && l.Logical() != nil {
		name += "." + string(l.Logical().Type())
	}
	return name
}

func checkInt(schema avro.Schema, v reflect.Value) error {
	if schema.Type() != avro.Int || !v.CanInt() {
		return nil
	}
	n := v.Int()
	if v.Type() == reflect.TypeFor[time.Duration]() {
		n = time.Duration(n).Milliseconds()
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		return fmt.Errorf("%d does not fit an Avro int", n)
	}
	return nil
}

// checkTime returns an error if hamba/avro would write another time than t.
func checkTime(schema avro.Schema, t time.Time) error {
	const day = 24 * 60 * 60
	fits := true
	switch avro.LogicalType(logical(schema)) {
	case avro.Date:
		if t.Unix() < 0 && t.Unix()%day != 0 {
			return fmt.Errorf("date %s is before 1970 and not midnight in UTC; hamba/avro would write the day after", t.Format(time.RFC3339))
		}
		days := t.Unix() / day
		fits = days == int64(int32(days))
	case avro.TimestampMillis, avro.LocalTimestampMillis:
		fits = time.UnixMilli(t.UnixMilli()).Unix() == t.Unix()
	case avro.TimestampMicros, avro.LocalTimestampMicros:
		fits = time.UnixMicro(t.UnixMicro()).Unix() == t.Unix()
	}
	if !fits {
		return fmt.Errorf("the year %d does not fit an Avro %s", t.Year(), logical(schema))
	}
	return nil
}

func ratOf(v reflect.Value) (*big.Rat, bool) {
	if !v.IsValid() || !v.CanInterface() {
		return nil, false
	}
	switch r := v.Interface().(type) {
	case *big.Rat:
		return r, r != nil
	case big.Rat:
		return new(big.Rat).Set(&r), true
	}
	return nil, false
}

// checkDecimal returns an error if r has more digits than its schema allows.
func checkDecimal(schema avro.Schema, r *big.Rat) error {
	if union, ok := schema.(*avro.UnionSchema); ok {
		for _, branch := range union.Types() {
			if err := checkDecimal(deref(branch), r); err != nil {
				return err
			}
		}
		return nil
	}
	l, ok := schema.(avro.LogicalTypeSchema)
	if !ok || l.Logical() == nil {
		return nil
	}
	d, ok := l.Logical().(*avro.DecimalLogicalSchema)
	if !ok {
		return nil
	}
	if fits(r, d.Precision(), d.Scale()) {
		return nil
	}
	ten := big.NewInt(10)
	scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(ten, big.NewInt(int64(d.Scale())), nil)))
	if !scaled.IsInt() {
		return fmt.Errorf("decimal %s has more than %d digits after the point", r.RatString(), d.Scale())
	}
	if scaled.Num().BitLen()/3 < d.Precision() {
		return nil // a digit is more than 3 bits; and a precision is only a number
	}
	if limit := new(big.Int).Exp(ten, big.NewInt(int64(d.Precision())), nil); scaled.Num().CmpAbs(limit) >= 0 {
		return fmt.Errorf("decimal %s has more than %d digits", r.FloatString(d.Scale()), d.Precision())
	}
	return nil
}

// fits reports whether r surely has no more digits than allowed. It answers for
// numbers of one machine word, which nearly all are, without allocating.
func fits(r *big.Rat, precision, scale int) bool {
	num, denom := r.Num(), r.Denom()
	if precision > 18 || scale > 18 || !num.IsInt64() || !denom.IsInt64() {
		return false
	}
	limit, unit := int64(1), int64(1)
	for range precision {
		limit *= 10
	}
	for range scale {
		unit *= 10
	}
	n, factor := num.Int64(), unit/denom.Int64()
	return unit%denom.Int64() == 0 && n > -limit/factor && n < limit/factor
}
