package access

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/registry/api"
)

func TestAllows(t *testing.T) {
	t.Parallel()
	g := &Guard{}
	var err error
	g.rules, err = parseGrants([]Grant{
		{Who: []string{"group:readers"}, May: []string{"read"}, Subjects: []string{"orders.*", "payments-value"}},
		{Who: []string{"user:ci"}, May: []string{"read", "write"}, Subjects: []string{"*"}, Contexts: []string{".", ".team*"}},
		{Who: []string{"user:team"}, May: []string{"*"}, Subjects: []string{"*"}, Contexts: []string{".team"}},
		{Who: []string{"user:root"}, May: []string{"*"}, Subjects: []string{"*"}, Contexts: []string{"*"}},
		{Who: []string{"*"}, May: []string{"read"}, Subjects: []string{"public"}},
		{Who: []string{"user:dots"}, May: []string{"configure"}, Subjects: []string{"*"}, Contexts: []string{".*"}},
		{Who: []string{"user:under"}, May: []string{"configure"}, Subjects: []string{"*"}, Contexts: []string{".__*"}},
		{Who: []string{"user:part"}, May: []string{"configure"}, Subjects: []string{"a*", "b*"}, Contexts: []string{"*"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	reader := Principal{Name: "eve", Groups: []string{"x", "readers"}, How: HowBasic}
	nobody := Principal{Name: HowAnonymous, How: HowAnonymous}
	user := func(name string) Principal { return Principal{Name: name, How: HowBasic} }
	for _, c := range []struct {
		who     Principal
		verb    api.Verb
		subject string
		want    bool
	}{
		{reader, api.Read, "orders.v1", true},
		{reader, api.Read, "orders.", true},
		{reader, api.Read, "orders", false},
		{reader, api.Read, "xorders.v1", false},
		{reader, api.Read, "payments-value", true},
		{reader, api.Read, "payments-value2", false},
		{reader, api.Write, "orders.v1", false},
		{reader, api.Read, ":.team:orders.v1", false},
		{reader, api.Read, ":.:orders.v1", true},
		{reader, api.Read, ":orders.v1", false}, // no context, a bare name that begins with a colon
		{reader, api.Read, ":.orders.v1", false},
		{reader, api.Read, "public", true},
		{reader, api.Read, "", true},
		{reader, api.Configure, "", false},
		{reader, api.Read, ":.team:", false},
		{user("readers"), api.Read, "orders.v1", false}, // a user is no group of that name
		{Principal{Name: "x", Groups: []string{"ci"}, How: HowBasic}, api.Write, "a", false},
		{user("ci"), api.Write, "anything", true},
		{user("ci"), api.Write, ":.team:a", true},
		{user("ci"), api.Write, ":.team-b:a", true},
		{user("ci"), api.Write, ":.other:a", false},
		{user("ci"), api.Delete, "a", false},
		{user("ci"), api.Admin, "", false},
		{user("ci"), api.Write, "", false}, // all subjects, but not of all contexts
		{user("ci"), api.Read, ":.team:", true},
		{user("team"), api.Configure, ":.team:", true},
		{user("team"), api.Configure, "", false},
		{user("team"), api.Delete, "a", false},
		{user("root"), api.Admin, "", true},
		{user("root"), api.Configure, ":.any:", true},
		{user("root"), api.Delete, ":.any:a", true},
		{user("root"), api.Configure, ":.__GLOBAL:", true},
		{user("dots"), api.Configure, "", true},
		{user("dots"), api.Configure, ":.__GLOBAL:", true},
		{user("under"), api.Configure, ":.__x:", true},
		{user("under"), api.Configure, ":.__GLOBAL:", false}, // it would be all contexts
		{user("team"), api.Configure, ":.__GLOBAL:", false},
		{user("part"), api.Configure, "abc", true},
		{user("part"), api.Configure, ":.x:", false}, // some subjects are not the context
		{user("part"), api.Configure, "", false},
		{nobody, api.Read, "public", false}, // "*" has proved who it is
		{nobody, api.Read, "", false},
		{Principal{}, api.Read, "public", true},
	} {
		ctx := WithPrincipal(t.Context(), c.who)
		if got := g.Allows(ctx, c.verb, c.subject); got != c.want {
			t.Errorf("Allows(%s %v, %s, %q) = %v, want %v", c.who.Name, c.who.Groups, c.verb, c.subject, got, c.want)
		}
	}
	if g.Allows(t.Context(), api.Read, "public") {
		t.Error("a request without a principal may read")
	}
	if open := (&Guard{open: true}); !open.Allows(context.Background(), api.Admin, "") {
		t.Error("an open guard refuses")
	}
}

func TestGrantMistakes(t *testing.T) {
	t.Parallel()
	right := func() Grant {
		return Grant{Who: []string{"*"}, May: []string{"read"}, Subjects: []string{"*"}}
	}
	for want, spoil := range map[string]func(*Grant){
		`grants[0].who: it is empty`:          func(g *Grant) { g.Who = nil },
		`grants[0].who: "alice"; expected`:    func(g *Grant) { g.Who = []string{"alice"} },
		`grants[0].who: "user:"; expected`:    func(g *Grant) { g.Who = []string{"user:"} },
		`grants[0].may: it is empty`:          func(g *Grant) { g.May = nil },
		`grants[0].may: "Read"; expected`:     func(g *Grant) { g.May = []string{"Read"} },
		`grants[0].subjects: a pattern is mi`: func(g *Grant) { g.Subjects = nil },
		`grants[0].subjects: a pattern is`:    func(g *Grant) { g.Subjects = []string{"a", ""} },
		`grants[0].contexts: "team"; expecte`: func(g *Grant) { g.Contexts = []string{"team"} },
	} {
		g := right()
		spoil(&g)
		if _, err := parseGrants([]Grant{g}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %s…", err, want)
		}
	}
	if _, err := parseGrants([]Grant{right()}); err != nil {
		t.Error(err)
	}
}

// A pattern means what the regular expression with .* for each star means.
func FuzzGlob(f *testing.F) {
	f.Add("orders.*", "orders.v1")
	f.Add("*a*b*", "xxaxxbx")
	f.Add("", "")
	f.Add("**", "a")
	f.Add(strings.Repeat("*a", 40), strings.Repeat("a", 60)+"b")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 200 || len(text) > 2000 {
			return
		}
		parts := strings.Split(pattern, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		want, err := regexp.Compile(`(?s)\A` + strings.Join(parts, ".*") + `\z`)
		if err != nil || strings.ToValidUTF8(text, "") != text || strings.ToValidUTF8(pattern, "") != pattern {
			return // a regular expression does not see bytes as they are
		}
		if got := glob(pattern, text); got != want.MatchString(text) {
			t.Errorf("glob(%q, %q) = %v", pattern, text, got)
		}
	})
}
