package protorules

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/compat/validaterules"
)

func lintMessageConstraints(l *linter, r *rule.Rule, d protoreflect.MessageDescriptor) {
	l.constraints(r, d, messageOptions, validaterules.LintMessage(d))
}

func lintFieldConstraints(l *linter, r *rule.Rule, d protoreflect.FieldDescriptor) {
	l.constraints(r, d, fieldOptions, validaterules.LintField(d))
}

// constraints reports mistakes where they are written in the options of an element.
func (l *linter) constraints(r *rule.Rule, d protoreflect.Descriptor, options int32, mistakes []validaterules.Mistake) {
	for _, m := range mistakes {
		at := anchorAt(l.image, d).option(append([]int32{options}, m.Path...)...).end()
		l.report(r, d, at, "%s", m.Message)
	}
}
