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
