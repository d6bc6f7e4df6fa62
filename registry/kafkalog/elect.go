package kafkalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// The names of the election in the group protocol of Kafka. Confluent's servers
// use the same, so they and this program can elect each other.
const (
	protocolType = "sr"
	protocolName = "v0"
)

// An elector takes part in the election. What it knows holds until a session
// after the last sign of life that the coordinator has confirmed, so that a
// server that is cut off, or was not running, stops by itself.
type elector struct {
	log    *Log
	conf   Config
	group  *link
	self   identity
	member string        // as the coordinator calls this server; "" if it does not
	gone   chan struct{} // closed once the group was left

	mu     sync.Mutex // guards the fields below
	url    string     // of the leader; "" if unknown
	leads  bool       // whether it is this server
	holdUp time.Time  // until when that holds
}

func newElector(l *Log, self identity) *elector {
	return &elector{log: l, conf: l.conf, group: l.group, self: self, gone: make(chan struct{})}
}

func (e *elector) leader() (url string, self bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !time.Now().Before(e.holdUp) {
		return "", false
	}
	return e.url, e.leads
}

// holds reports whether the session still runs, so that nobody else can have
// been elected: also while an election is on that this server waits to join.
func (e *elector) holds() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Now().Before(e.holdUp)
}

func (e *elector) set(url string, leads bool, from time.Time) {
	e.mu.Lock()
	changed := e.url != url || e.leads != leads
	e.url, e.leads, e.holdUp = url, leads, from.Add(e.conf.SessionTimeout)
	e.mu.Unlock()
	if changed && url != "" {
		e.conf.Logger.Info("the registry has a leader", "leader", url, "self", leads)
	}
	if leads {
		e.log.start(e.log.prepare)
	}
}

// stepDown forgets who leads, once no append is under way that began while this
// server did.
func (e *elector) stepDown() {
	e.mu.Lock()
	led := e.leads
	e.url, e.leads = "", false
	e.mu.Unlock()
	if !led {
		return
	}
	select {
	case <-e.log.writing:
		e.log.producer = nil
		e.log.writing <- struct{}{}
	case <-time.After(e.conf.SessionTimeout / 2): // the fence holds what is still under way
	case <-e.log.ctx.Done():
	}
}

func (e *elector) lapse() {
	e.mu.Lock()
	e.holdUp = time.Time{}
	e.mu.Unlock()
}

// run joins elections until the log is closed.
func (e *elector) run() {
	defer close(e.gone)
	defer e.resign()
	ctx := e.log.ctx
	for try := 0; ctx.Err() == nil; try++ {
		joined, err := e.session(ctx)
		if joined {
			try = -1
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		try = max(try, 0)
		if try == 0 { // once for each interruption
			e.conf.Logger.Warn("the election is interrupted", "group", e.conf.GroupID, "error", err)
		}
		wait(ctx, backoff(try)) // ends early with the loop
	}
}

// session is one election and what follows until the next one. It returns nil if
// the next one has been called.
func (e *elector) session(ctx context.Context) (joined bool, err error) {
	res, err := e.join()
	if err != nil {
		return false, e.outcast(fmt.Errorf("join: %w", err))
	}
	req := &sarama.SyncGroupRequest{Version: 4, GroupId: e.conf.GroupID, GenerationId: res.GenerationId, MemberId: e.member}
	if res.LeaderId == res.MemberId {
		if err := e.announce(req, res.Members); err != nil {
			return false, err
		}
	}
	began := time.Now()
	var text []byte
	err = e.group.atGroup(e.conf.GroupID, func(b *sarama.Broker) error {
		answer, err := b.SyncGroup(req)
		if err == nil && answer.Err != sarama.ErrNoError {
			err = answer.Err
		}
		if err == nil {
			text = answer.MemberAssignment
		}
		return err
	})
	if errors.Is(err, sarama.ErrRebalanceInProgress) {
		return true, nil
	}
	if err != nil {
		return false, e.outcast(fmt.Errorf("wait for the outcome: %w", err))
	}
	if err := e.accept(text, began); err != nil {
		return false, err
	}
	return true, e.beat(ctx, res.GenerationId)
}

// join enters the group, for which the coordinator first gives a name.
func (e *elector) join() (*sarama.JoinGroupResponse, error) {
	_, e.self.Leader = e.leader()
	metadata, err := json.Marshal(e.self)
	if err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		req := &sarama.JoinGroupRequest{
			Version: 5, GroupId: e.conf.GroupID, MemberId: e.member, ProtocolType: protocolType,
			SessionTimeout: milli(e.conf.SessionTimeout), RebalanceTimeout: milli(rebalanceTimeout),
		}
		req.AddGroupProtocol(protocolName, metadata)
		var res *sarama.JoinGroupResponse
		err := e.group.atGroup(e.conf.GroupID, func(b *sarama.Broker) (err error) {
			if res, err = b.JoinGroup(req); err == nil && res.Err != sarama.ErrNoError {
				err = res.Err
			}
			return err
		})
		if first && errors.Is(err, sarama.ErrMemberIdRequired) {
			e.member = res.MemberId
			continue
		}
		if err == nil {
			e.member = res.MemberId
		}
		return res, err
	}
}

func milli(d time.Duration) int32 { return int32(d / time.Millisecond) }

// announce puts the outcome into a request: this server was chosen to say it.
func (e *elector) announce(req *sarama.SyncGroupRequest, members []sarama.GroupMember) error {
	outcome, double := assign(members, e.conf.Sticky)
	for _, url := range double {
		e.conf.Logger.Warn("two servers say that they have the same URL", "group", e.conf.GroupID, "url", url)
	}
	text, err := json.Marshal(outcome)
	if err != nil {
		return err
	}
	for _, m := range members {
		req.AddGroupAssignment(m.MemberId, text)
	}
	return nil
}

// accept takes the outcome of an election.
func (e *elector) accept(text []byte, began time.Time) error {
	var a assignment
	if err := json.Unmarshal(text, &a); err != nil {
		return fmt.Errorf("the outcome of the election does not read: %w", err)
	}
	leads := a.Error == 0 && a.Master != nil && *a.Master == e.member
	if !leads {
		e.stepDown()
	}
	url := ""
	if a.Error == 0 && a.Who != nil {
		url = a.Who.url()
	}
	e.set(url, leads, began)
	if a.Error == duplicateURLs {
		e.conf.Logger.Warn("no leader: two servers say that they have the same URL", "group", e.conf.GroupID)
	}
	return nil
}

// beat keeps the session alive until the next election is called.
func (e *elector) beat(ctx context.Context, generation int32) error {
	req := &sarama.HeartbeatRequest{Version: 3, GroupId: e.conf.GroupID, GenerationId: generation, MemberId: e.member}
	for {
		if err := wait(ctx, min(e.conf.SessionTimeout/10, time.Second)); err != nil { // often, as it also tells of elections
			return err
		}
		sent := time.Now()
		err := e.group.atGroup(e.conf.GroupID, func(b *sarama.Broker) error {
			res, err := b.Heartbeat(req)
			if err == nil && res.Err != sarama.ErrNoError {
				err = res.Err
			}
			return err
		})
		switch {
		case err == nil:
			e.mu.Lock()
			e.holdUp = sent.Add(e.conf.SessionTimeout)
			e.mu.Unlock()
		case errors.Is(err, sarama.ErrRebalanceInProgress):
			if !e.conf.Sticky {
				e.stepDown()
			}
			return nil
		case !movedCoordinator(err) || !e.holds():
			return e.outcast(fmt.Errorf("heartbeat: %w", err))
		}
	}
}

// outcast notes that the coordinator does not know this server any more, if that
// is what the error says.
func (e *elector) outcast(err error) error {
	switch refused(err) {
	case sarama.ErrUnknownMemberId, sarama.ErrIllegalGeneration, sarama.ErrFencedInstancedId:
		e.member = ""
		e.lapse()
		e.stepDown()
	}
	return err
}

// resign leaves the group, so that the others need not wait for the session to
// end.
func (e *elector) resign() {
	e.lapse()
	if e.member == "" {
		return
	}
	req := &sarama.LeaveGroupRequest{Version: 3, GroupId: e.conf.GroupID, Members: []sarama.MemberIdentity{{MemberId: e.member}}}
	err := e.group.atGroup(e.conf.GroupID, func(b *sarama.Broker) error {
		_, err := b.LeaveGroup(req)
		return err
	})
	if err != nil {
		e.conf.Logger.Warn("could not leave the election", "group", e.conf.GroupID, "error", err)
	}
}
