// Package all lists the schema languages. It is the only place that knows all of
// them; whoever needs one language imports that one.
package all

import (
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/lang/jsonschema"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// Languages returns every language.
func Languages() []lang.Language {
	return []lang.Language{avro.Language(), protobuf.Language(), jsonschema.Language()}
}

// Lenient returns every language as a registry needs it: schemas parse that were
// let in elsewhere or long ago, and what is wrong with them as new ones is told
// by their method CheckStrict.
func Lenient() []lang.Language {
	return []lang.Language{avro.Lenient(), protobuf.Language(), jsonschema.Language()}
}
