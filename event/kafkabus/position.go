package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// A Position is a place in every partition of a topic. The zero Position is
// [Oldest].
type Position struct {
	kind    positionKind
	time    time.Time
	offsets map[string]map[int32]int64
}

type positionKind uint8

const (
	atOldest positionKind = iota
	atNewest
	atTime
	atOffsets
)

// Oldest is the oldest message that is kept.
func Oldest() Position { return Position{} }

// Newest is behind everything that is there now.
func Newest() Position { return Position{kind: atNewest} }

// At is the first message that was published at t or later, by the times that
// messages carry; behind everything if there is none.
func At(t time.Time) Position { return Position{kind: atTime, time: t} }

// Offsets is a checkpoint: the offset of the next message, by topic and partition.
// What is not in it begins at the oldest message, or stays where it is in a
// [Bus.Seek].
func Offsets(offsets map[string]map[int32]int64) Position {
	return Position{kind: atOffsets, offsets: offsets}
}

// A Move is what a seek does to one partition.
type Move struct {
	Partition int32
	// From and To are the offsets of the message that the group gets next, before
	// and after. From is -1 for a group that has settled nothing, and begins at the
	// oldest message.
	From, To int64
	// Again is how many offsets the group gets that it had settled, Passed how many
	// it had not and does not get. There may be fewer messages: offsets are also
	// used by marks of transactions, and compaction leaves gaps.
	Again, Passed int64
}

// ErrMembers is the error of a seek of a group that has members.
var ErrMembers = errors.New("the group has members")

// PreviewSeek returns what Seek would do, in the order of the partitions.
func (b *Bus) PreviewSeek(ctx context.Context, group, topic string, to Position) ([]Move, error) {
	return b.seek(ctx, group, topic, to, false)
}

// Seek lets a group go on at a position of a topic and returns what that does, in
// the order of the partitions. The group has to be without members, or else the
// error is [ErrMembers] and nothing is changed: members would go on where they are
// and commit that. A static member that was closed is one until its session ends.
//
// An offset behind the end is an error. One of a message that is no longer kept
// means the oldest that is.
func (b *Bus) Seek(ctx context.Context, group, topic string, to Position) ([]Move, error) {
	return b.seek(ctx, group, topic, to, true)
}

func (b *Bus) seek(ctx context.Context, group, topic string, to Position, really bool) ([]Move, error) {
	if group == "" || topic == "" {
		return nil, fmt.Errorf("seek of group %q in topic %q: want two names", group, topic)
	}
	moves, err := administer(ctx, b, func(admin sarama.ClusterAdmin) ([]Move, error) {
		moves, err := movesOf(admin, group, topic, to)
		if err != nil {
			return nil, err
		}
		if err := withoutMembers(admin, group); err != nil || !really || len(moves) == 0 {
			return moves, err
		}
		offsets := map[int32]int64{}
		for _, m := range moves {
			offsets[m.Partition] = m.To
		}
		return moves, commitAt(admin, group, map[string]map[int32]int64{topic: offsets})
	})
	if err != nil {
		return nil, fmt.Errorf("seek of group %q in topic %q: %w", group, topic, err)
	}
	return moves, nil
}

// movesOf works out what a seek does.
func movesOf(admin sarama.ClusterAdmin, group, topic string, to Position) ([]Move, error) {
	partitions, err := partitionsOf(admin, []string{topic})
	if err != nil {
		return nil, err
	}
	committed, err := committedAt(admin, group, partitions)
	if err != nil {
		return nil, err
	}
	oldest, err := offsetsAt(admin, partitions, sarama.OffsetOldest)
	if err != nil {
		return nil, err
	}
	target, err := to.resolve(admin, partitions)
	if err != nil {
		return nil, err
	}
	for p := range to.offsets[topic] {
		if !slices.Contains(partitions[topic], p) {
			return nil, fmt.Errorf("there is no partition %d; there are %d", p, len(partitions[topic]))
		}
	}
	var moves []Move
	for _, p := range partitions[topic] {
		at, ok := target[topic][p]
		if !ok {
			continue
		}
		was := max(committed[topic][p], oldest[topic][p])
		moves = append(moves, Move{Partition: p, From: committed[topic][p], To: at, Again: max(was-at, 0), Passed: max(at-was, 0)})
	}
	return moves, nil
}

// resolve returns the offsets of a position; partitions that it says nothing about
// are left out.
func (p Position) resolve(admin sarama.ClusterAdmin, partitions map[string][]int32) (map[string]map[int32]int64, error) {
	switch p.kind {
	case atOldest:
		return offsetsAt(admin, partitions, sarama.OffsetOldest)
	case atNewest:
		return offsetsAt(admin, partitions, sarama.OffsetNewest)
	}
	newest, err := offsetsAt(admin, partitions, sarama.OffsetNewest)
	if err != nil {
		return nil, err
	}
	if p.kind == atTime {
		found, err := offsetsAt(admin, partitions, max(p.time.UnixMilli(), 0))
		if err != nil {
			return nil, err
		}
		for topic, ps := range found {
			for i, at := range ps {
				if at < 0 {
					ps[i] = newest[topic][i]
				}
			}
		}
		return found, nil
	}
	oldest, err := offsetsAt(admin, partitions, sarama.OffsetOldest)
	if err != nil {
		return nil, err
	}
	out := map[string]map[int32]int64{}
	for topic, ps := range partitions {
		out[topic] = map[int32]int64{}
		for _, i := range ps {
			at, ok := p.offsets[topic][i]
			switch {
			case !ok:
			case at < 0 || at > newest[topic][i]:
				return nil, fmt.Errorf("offset %d of partition %d of topic %q; expected 0 to %d, which is its end", at, i, topic, newest[topic][i])
			default:
				out[topic][i] = max(at, oldest[topic][i])
			}
		}
	}
	return out, nil
}

// withoutMembers returns an error that names the members of a group, if it has any.
func withoutMembers(admin sarama.ClusterAdmin, group string) error {
	found, err := admin.DescribeConsumerGroups([]string{group})
	if err != nil {
		return fmt.Errorf("ask for the members: %w", err)
	}
	for _, g := range found {
		if g.Err != sarama.ErrNoError && !errors.Is(g.Err, sarama.ErrGroupIDNotFound) {
			return fmt.Errorf("ask for the members: %w", g.Err)
		}
		var names []string
		for _, m := range g.Members {
			name := m.ClientId + " at " + strings.TrimPrefix(m.ClientHost, "/")
			if m.GroupInstanceId != nil {
				name += ", static as " + *m.GroupInstanceId
			}
			names = append(names, name)
		}
		if len(names) > 0 {
			slices.Sort(names)
			return fmt.Errorf("%w: stop them first, and static ones wait until their session ends: %s", ErrMembers, strings.Join(names, "; "))
		}
	}
	return nil
}

// commitAt stores offsets of a group without members; brokers refuse it if somebody
// has joined.
func commitAt(admin sarama.ClusterAdmin, group string, offsets map[string]map[int32]int64) error {
	request := map[string]map[int32]sarama.OffsetAndMetadata{}
	for topic, ps := range offsets {
		request[topic] = map[int32]sarama.OffsetAndMetadata{}
		for p, at := range ps {
			request[topic][p] = sarama.OffsetAndMetadata{Offset: at, LeaderEpoch: -1}
		}
	}
	answer, err := admin.AlterConsumerGroupOffsets(group, request, nil)
	if err != nil {
		return fmt.Errorf("store offsets: %w", err)
	}
	for topic, ps := range answer.Errors {
		for p, err := range ps {
			switch err {
			case sarama.ErrNoError:
			case sarama.ErrUnknownMemberId, sarama.ErrRebalanceInProgress, sarama.ErrIllegalGeneration:
				return fmt.Errorf("%w: one has joined just now", ErrMembers)
			default:
				return fmt.Errorf("store offset of partition %d of topic %q: %w", p, topic, err)
			}
		}
	}
	return nil
}

// begin stores where a new group begins, before its first member joins. If somebody
// has joined it meanwhile, the group is not new: that member has said where.
func (b *Bus) begin(ctx context.Context, group string, from Position, topics []string) error {
	topics = slices.DeleteFunc(unique(topics), func(t string) bool { return strings.Contains(t, "."+group+".retry.") })
	if from.kind == atOldest || len(topics) == 0 {
		return nil
	}
	_, err := administer(ctx, b, func(admin sarama.ClusterAdmin) (struct{}, error) {
		partitions, err := partitionsOf(admin, topics)
		if err != nil {
			return struct{}{}, err
		}
		committed, err := committedAt(admin, group, partitions)
		if err != nil {
			return struct{}{}, err
		}
		for topic, ps := range committed {
			for _, at := range ps {
				if at >= 0 {
					delete(partitions, topic)
				}
			}
		}
		if len(partitions) == 0 {
			return struct{}{}, nil
		}
		offsets, err := from.resolve(admin, partitions)
		if err != nil {
			return struct{}{}, err
		}
		for topic, ps := range offsets {
			if len(ps) == 0 {
				delete(offsets, topic)
			}
		}
		if len(offsets) == 0 {
			return struct{}{}, nil
		}
		if err := commitAt(admin, group, offsets); !errors.Is(err, ErrMembers) {
			return struct{}{}, err
		}
		return struct{}{}, nil
	})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	return nil
}
