package config

import (
	"encoding/json"
	"reflect"
	"strings"
)

// JSONSchema returns the JSON Schema (2020-12) of the settings file, for editors.
// It is made from the same types that the file is checked against.
func JSONSchema() []byte {
	return encodeSchema(configType, Name, "version")
}

// ServerJSONSchema returns the JSON Schema of the settings file of a server.
func ServerJSONSchema() []byte { return encodeSchema(serverType, "Settings of wireproof serve") }

func encodeSchema(t reflect.Type, title string, required ...string) []byte {
	root := schemaOf(t)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = title
	if len(required) > 0 {
		root["required"] = required
	}
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // only maps, slices and strings are in it
	}
	return append(out, '\n')
}

func schemaOf(t reflect.Type) map[string]any {
	if t == reflect.TypeFor[Size]() {
		return map[string]any{"type": []string{"string", "integer"}}
	}
	if isText(t) {
		return map[string]any{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Struct:
		properties := map[string]any{}
		for f := range fields(t) {
			s := schemaOf(f.Type)
			s["description"] = f.Tag.Get("doc")
			if tag := f.Tag.Get("enum"); tag != "" {
				s["enum"] = strings.Split(tag, ",")
			}
			properties[f.Tag.Get("yaml")] = s
		}
		return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Int:
		return map[string]any{"type": "integer"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	}
	return map[string]any{"type": "string"}
}
