package gate

import (
	"encoding/json"
	"reflect"
	"strings"
)

// ReportSchema returns the JSON Schema (2020-12) of [Report], for those who read
// reports by program. It is made from the type that reports are written from.
// Members that it does not name may come with a later version.
func ReportSchema() []byte {
	root := jsonSchemaOf(reflect.TypeFor[Report]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = SchemaV1
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // only maps, slices and strings are in it
	}
	return append(out, '\n')
}

func jsonSchemaOf(t reflect.Type) map[string]any {
	switch t.Kind() {
	case reflect.Pointer:
		return jsonSchemaOf(t.Elem())
	case reflect.Slice:
		return map[string]any{"type": "array", "items": jsonSchemaOf(t.Elem())}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Struct:
		properties, required := map[string]any{}, []string{}
		for i := range t.NumField() {
			f := t.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			s := jsonSchemaOf(f.Type)
			if enum := f.Tag.Get("enum"); enum != "" {
				limit(s, strings.Split(enum, ","))
			}
			if !strings.Contains(options, "omitempty") {
				required = append(required, name)
			}
			properties[name] = s
		}
		return map[string]any{"type": "object", "properties": properties, "required": required}
	}
	return map[string]any{"type": "string"}
}

// limit allows the listed values only, in a list each of its items.
func limit(s map[string]any, values []string) {
	if items, ok := s["items"].(map[string]any); ok {
		s = items
	}
	s["enum"] = values
}
