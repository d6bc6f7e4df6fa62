package protorules_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/protorules"
)

func TestSelect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, version string
		use, except   []string
		size          int
		has, lacks    string
		warning       string
	}{
		{name: "defaults", version: "v2", size: 51, has: "FIELD_SAME_DEFAULT", lacks: "PACKAGE_NO_DELETE"},
		{name: "empty words are none", version: "v2", use: []string{""}, except: []string{""}, size: 51, has: "FILE_NO_DELETE", lacks: "PACKAGE_NO_DELETE"},
		{name: "defaults of v1", version: "v1", size: 49, has: "FIELD_SAME_TYPE", lacks: "FIELD_SAME_DEFAULT"},
		{name: "defaults of v1beta1", version: "v1beta1", size: 49, has: "FIELD_SAME_TYPE", lacks: "EXTENSION_NO_DELETE"},
		{name: "the package in v1beta1", version: "v1beta1", use: []string{"PACKAGE"}, size: 48, has: "PACKAGE_NO_DELETE", lacks: "FILE_SAME_PACKAGE"},
		{name: "wire in v1beta1", version: "v1beta1", use: []string{"WIRE"}, size: 14, has: "FIELD_SAME_TYPE", lacks: "FIELD_WIRE_COMPATIBLE_TYPE"},
		{name: "csr", version: "v2", use: []string{"CSR"}, size: 32, has: "FIELD_NO_DELETE", lacks: "RPC_NO_DELETE"},
		{name: "one rule", version: "v2", use: []string{"RPC_NO_DELETE"}, size: 1, has: "RPC_NO_DELETE", lacks: "FIELD_NO_DELETE"},
		{name: "a stricter rule excepted", version: "v2", use: []string{"CSR"}, except: []string{"FIELD_NO_DELETE"}, size: 31, has: "FIELD_NO_DELETE_UNLESS_NAME_RESERVED", lacks: "FIELD_NO_DELETE"},
		{name: "a category excepted", version: "v2", except: []string{"WIRE_JSON"}, size: 35, has: "FIELD_NO_DELETE", lacks: "FIELD_SAME_NAME"},
		{name: "deprecated with a replacement", version: "v1", use: []string{"FIELD_SAME_CTYPE"}, size: 1, has: "FIELD_SAME_CPP_STRING_TYPE", lacks: "FIELD_SAME_TYPE", warning: "stands for FIELD_SAME_CPP_STRING_TYPE"},
		{name: "deprecated in except", version: "v1", except: []string{"FIELD_SAME_LABEL"}, size: 48, has: "FIELD_SAME_TYPE", lacks: "FIELD_SAME_CARDINALITY", warning: "FIELD_SAME_LABEL is deprecated"},
		{name: "deprecated for nothing", version: "v2", use: []string{"WIRE", "MESSAGE_SAME_MESSAGE_SET_WIRE_FORMAT"}, size: 15, has: "FIELD_SAME_ONEOF", lacks: "FIELD_SAME_TYPE", warning: "does nothing"},
	} {
		set, warnings, err := protorules.Select(tt.version, tt.use, tt.except)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if ids := set.IDs(); len(ids) != tt.size || !slices.IsSorted(ids) || !set.Has(tt.has) || set.Has(tt.lacks) {
			t.Errorf("%s: %d rules, want %d with %s and without %s: %v", tt.name, len(ids), tt.size, tt.has, tt.lacks, ids)
		}
		if got := strings.Join(warnings, "; "); (got == "") != (tt.warning == "") || !strings.Contains(got, tt.warning) {
			t.Errorf("%s: warnings %q, want %q", tt.name, got, tt.warning)
		}
	}
}

func TestSelectRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, version string
		use, except   []string
		want          string
	}{
		{"an unknown version", "v3", nil, nil, "expected v1beta1, v1 or v2"},
		{"an unknown rule", "v2", []string{"FIELD_SAME_TYP"}, nil, "did you mean FIELD_SAME_TYPE?"},
		{"small letters", "v2", []string{"wire"}, nil, "did you mean WIRE?"},
		{"an unknown rule to except", "v2", nil, []string{"FILE_SAME_GOPACKAGE"}, "did you mean FILE_SAME_GO_PACKAGE?"},
		{"a rule of another version", "v1", []string{"FIELD_SAME_DEFAULT"}, nil, `"FIELD_SAME_DEFAULT" is no breaking rule or category of version v1`},
		{"a category of another version", "v1", []string{"CSR"}, nil, "no breaking rule or category"},
		{"a deprecated rule of another version", "v2", []string{"FIELD_SAME_LABEL"}, nil, "no breaking rule or category"},
		{"our own category", "v2", []string{"CONFLUENT"}, nil, "no breaking rule or category"},
		{"nothing left", "v2", []string{"WIRE"}, []string{"WIRE_JSON", "WIRE"}, "no breaking rule is left"},
		{"nothing but deprecated", "v1", []string{"FILE_SAME_PHP_GENERIC_SERVICES"}, nil, "no breaking rule is left"},
		{"a long word", "v2", []string{strings.Repeat("X", 1<<16)}, nil, "did you mean"},
	} {
		if _, _, err := protorules.Select(tt.version, tt.use, tt.except); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}
