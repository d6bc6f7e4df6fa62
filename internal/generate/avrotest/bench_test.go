package avrotest_test

import (
	"testing"
	"time"

	"github.com/wireproof/wireproof/codec/decimal"
	kindsv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/kinds/v1"
)

func order() *kindsv1.Order {
	line := kindsv1.Line{SKU: "SKU-123456", Quantity: 3, Tags: map[string]string{"colour": "green"}}
	return &kindsv1.Order{
		ID: "order-0001", Amount: 19.5, Count: 300, Note: ptr("leave at the door"), State: kindsv1.StateDone,
		Lines: []kindsv1.Line{line, line, line}, Price: decimal.MustParse("1234.56"), At: time.Now(),
		Choice: kindsv1.OrderChoiceString{Value: "text"}, First: line, Data: []byte("data"),
	}
}

func BenchmarkAppend(b *testing.B) {
	v, buf := order(), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.AppendAvro(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	data, err := order().AppendAvro(nil)
	if err != nil {
		b.Fatal(err)
	}
	text := string(data)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		var v kindsv1.Order
		if err := v.DecodeAvro(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeOldWriter(b *testing.B) {
	c := writers["every field in reverse"]
	src := writerOf(c.fields)
	decode, err := kindsv1.OrderType().Resolve(src)
	if err != nil {
		b.Fatal(err)
	}
	data := "\x02d" + "kk" + "\x04\x02c" + "\x9a\x01" + "\x04\x01\x02" + "\x02" + "\x02\x02n" + "\x08" + "\x00\x00\x00\x00\x00\x00\x04\x40" + "\x06o-1"
	b.ReportAllocs()
	for b.Loop() {
		var v kindsv1.Order
		if err := decode(data, &v); err != nil {
			b.Fatal(err)
		}
	}
}
