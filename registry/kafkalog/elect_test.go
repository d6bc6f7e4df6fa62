package kafkalog

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/test/kafkatest"
)

func TestIdentityIsConfluents(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		conf Config
		want string
	}{
		{Config{URL: "http://h:8081"}, `{"version":1,"host":"h","port":8081,"master_eligibility":true,"scheme":"http","leader":false}`},
		{Config{URL: "https://h.example/", Follower: true}, `{"version":1,"host":"h.example","port":443,"master_eligibility":false,"scheme":"https","leader":false}`},
		{Config{URL: "http://[::1]:80"}, `{"version":1,"host":"[::1]","port":80,"master_eligibility":true,"scheme":"http","leader":false}`},
	} {
		who, err := row.conf.identity()
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(who); string(got) != row.want {
			t.Errorf("%s says %s, want %s", row.conf.URL, got, row.want)
		}
	}
	for _, url := range []string{"", "h:8081", "ftp://h", "http://", "http://h/path", "http://h:x", "://"} {
		if _, err := (Config{URL: url}).identity(); err == nil {
			t.Errorf("URL %q is taken", url)
		}
	}
}

func member(id, text string) sarama.GroupMember {
	return sarama.GroupMember{MemberId: id, Metadata: []byte(text)}
}

func TestAssign(t *testing.T) {
	t.Parallel()
	const (
		a      = `{"version":1,"host":"a","port":8081,"master_eligibility":true,"scheme":"http","leader":false}`
		b      = `{"version":1,"host":"b","port":8081,"master_eligibility":true,"scheme":"http","leader":false}`
		bLeads = `{"version":1,"host":"b","port":8081,"master_eligibility":true,"scheme":"http","leader":true}`
		none   = `{"version":1,"host":"0","port":8081,"master_eligibility":false,"scheme":"http","leader":false}`
		old    = `{"version":1,"host":"a","port":80,"master_eligibility":true}` // before schemes existed
	)
	for _, row := range []struct {
		name    string
		members []sarama.GroupMember
		sticky  bool
		want    string
		doubles int
	}{
		{"nobody may", []sarama.GroupMember{member("1", none), member("2", "no JSON")}, false, `{"version":1,"error":0}`, 0},
		{"the smallest", []sarama.GroupMember{member("1", none), member("2", b), member("3", a)}, false, `{"version":1,"error":0,"master":"3","master_identity":` + a + `}`, 0},
		{"whoever leads does not matter", []sarama.GroupMember{member("2", bLeads), member("3", a)}, false, `{"version":1,"error":0,"master":"3","master_identity":` + a + `}`, 0},
		{"whoever leads stays", []sarama.GroupMember{member("2", bLeads), member("3", a)}, true, `{"version":1,"error":0,"master":"2","master_identity":` + bLeads + `}`, 0},
		{"two that lead", []sarama.GroupMember{member("2", bLeads), member("3", bLeads), member("4", a)}, true, `{"version":1,"error":0,"master":"4","master_identity":` + a + `}`, 1},
		{"one URL twice", []sarama.GroupMember{member("9", a), member("8", a)}, false, `{"version":1,"error":0,"master":"8","master_identity":` + a + `}`, 1},
		{"an old server", []sarama.GroupMember{member("1", old), member("2", b)}, false,
			`{"version":1,"error":0,"master":"1","master_identity":{"version":1,"host":"a","port":80,"master_eligibility":true,"scheme":"","leader":false}}`, 0},
	} {
		slices.Reverse(row.members)
		outcome, double := assign(row.members, row.sticky)
		if got, _ := json.Marshal(outcome); string(got) != row.want || len(double) != row.doubles {
			t.Errorf("%s: %s with %q, want %s with %d doubles", row.name, got, double, row.want, row.doubles)
		}
	}
}

// servers opens logs on one topic, by URL.
func servers(t *testing.T, conf Config, urls ...string) []*Log {
	t.Helper()
	var out []*Log
	for _, url := range urls {
		conf.URL = url
		out = append(out, openLog(t, conf))
	}
	return out
}

// agree waits until every log that is given believes in a leader, and no other
// thinks that it leads.
func agree(t *testing.T, url string, logs ...*Log) {
	t.Helper()
	await1(t, "agreement on "+url, func() bool {
		for _, l := range logs {
			if got, self := l.Leader(); got != url || self != (l.conf.URL == url) {
				return false
			}
		}
		return true
	})
}

func TestElection(t *testing.T) {
	onBoth(t, func(t *testing.T, brokers []string) {
		logs := servers(t, newConfig(brokers), "http://c:1", "http://b:1", "http://d:1")
		agree(t, "http://b:1", logs...)
		at, err := logs[1].Append(t.Context(), 0, []registry.Record{schemaOf("s", 1, 1, false)})
		if err != nil {
			t.Fatal(err)
		}
		logs[1].Close() // it leaves, so nobody has to wait for its session to end
		agree(t, "http://c:1", logs[0], logs[2])
		if _, err := logs[0].Append(t.Context(), at, []registry.Record{schemaOf("s", 2, 2, false)}); err != nil {
			t.Fatal(err)
		}
		smaller := servers(t, logs[0].conf, "http://a:1")
		agree(t, "http://a:1", logs[0], logs[2], smaller[0])
	})
}

func TestStickyElection(t *testing.T) {
	onBoth(t, func(t *testing.T, brokers []string) {
		conf := newConfig(brokers)
		conf.Sticky = true
		first := servers(t, conf, "http://z:1")
		agree(t, "http://z:1", first...)
		logs := append(first, servers(t, conf, "http://a:1", "http://b:1")...)
		agree(t, "http://z:1", logs...)
		logs[0].Close()
		agree(t, "http://a:1", logs[1:]...)
	})
}

func TestFollowersNeverLead(t *testing.T) {
	t.Parallel()
	conf := newConfig(kafkatest.Fake(t))
	conf.Follower = true
	l := openLog(t, conf)
	await1(t, "an election", func() bool { return l.elect.holds() })
	if url, self := l.Leader(); url != "" || self {
		t.Errorf("Leader = %q, %v, want nobody", url, self)
	}
	conf.Follower, conf.URL = false, "http://b:1"
	agree(t, "http://b:1", l, openLog(t, conf))
}

// A member that speaks as Confluent's servers do is elected by us and elects us,
// and an outcome that says that two servers have one URL stops nobody for ever.
func TestElectionBesideAnotherServer(t *testing.T) {
	t.Parallel()
	conf := newConfig(kafkatest.Fake(t))
	l := openLeader(t, conf)
	k, err := newLink(conf.orDefault(), conf.RequestTimeout*4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.close)
	// The other server joins under a smaller URL and waits for what we announce.
	other := newElector(&Log{conf: conf.orDefault(), group: k}, identity{Version: 1, Host: "0", Port: 1, Eligible: true, Scheme: "http"})
	other.log.ctx = t.Context()
	res, err := other.join()
	if err != nil {
		t.Fatal(err)
	}
	if res.LeaderId != res.MemberId {
		var outcome assignment
		text := other.syncForTest(t, res, nil)
		if err := json.Unmarshal(text, &outcome); err != nil || outcome.Master == nil || *outcome.Master != res.MemberId || outcome.Who.url() != "http://0:1" {
			t.Fatalf("the outcome is %s, want the other server to lead", text)
		}
	} else {
		text, _ := json.Marshal(assignment{Version: 1, Master: &res.MemberId, Who: &other.self})
		other.syncForTest(t, res, text)
	}
	agree(t, "http://0:1", l)
	if _, err := l.Append(t.Context(), 0, nil); err == nil {
		t.Error("Append of a follower succeeded")
	}
	// It dies without a word, and we lead once its session has ended.
	await1(t, "this server as the leader again", func() bool { _, self := l.Leader(); return self })
}

// syncForTest says or hears the outcome of an election.
func (e *elector) syncForTest(t *testing.T, res *sarama.JoinGroupResponse, text []byte) []byte {
	t.Helper()
	req := &sarama.SyncGroupRequest{Version: 4, GroupId: e.conf.GroupID, GenerationId: res.GenerationId, MemberId: e.member}
	if text != nil {
		for _, m := range res.Members {
			req.AddGroupAssignment(m.MemberId, text)
		}
	}
	err := e.group.atGroup(e.conf.GroupID, func(b *sarama.Broker) error {
		answer, err := b.SyncGroup(req)
		if err == nil && answer.Err != sarama.ErrNoError {
			err = answer.Err
		}
		if err == nil {
			text = answer.MemberAssignment
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What a server knows of the election holds as long as its session and no
// longer, whatever it hears.
func TestKnowledgeLapses(t *testing.T) {
	t.Parallel()
	e := newElector(&Log{conf: Config{}.orDefault()}, identity{})
	e.log.closed = true // nothing is to be started
	e.set("http://a:1", true, time.Now())
	if url, self := e.leader(); url != "http://a:1" || !self || !e.holds() {
		t.Errorf("leader = %q, %v, holds %v, want what was announced", url, self, e.holds())
	}
	e.set("http://a:1", true, time.Now().Add(-e.conf.SessionTimeout))
	if url, self := e.leader(); url != "" || self || e.holds() {
		t.Errorf("leader = %q, %v, holds %v after a session, want nobody", url, self, e.holds())
	}
}
