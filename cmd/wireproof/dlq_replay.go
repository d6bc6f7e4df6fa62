package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/internal/gate"
)

type replayFlags struct {
	all, again, dryRun bool
	plan               string
	rate               string
	ramp               time.Duration

	resume, cancel, status string
}

func (a *app) dlqReplayCmd(f *dlqFlags) *cobra.Command {
	var r replayFlags
	cmd := &cobra.Command{
		Use: "replay TOPIC", Short: "Publish dead letters again to where they came from", Args: cobra.MaximumNArgs(1),
		Long: `Replay publishes letters again: those with --id, those that filters select, or --all.
Letters that were replayed before are left out, unless --id names them or --again is
given. The header wireproof-replay-id is the same for each replay of a message.

The set is frozen first, in the file of --plan: what dies later is none of it.
--dry-run ends there, and shows it. Beside the plan, in PLAN.journal, is a line for
what became of each letter. Ctrl-C pauses: what is under way is finished and written
down. A replay that was paused or killed, or some of whose letters failed, goes on
with --resume PLAN; --cancel PLAN ends it for good; --status PLAN says how far it is.
Without --plan, the file has a name of its own, and is removed once all is replayed.

Over Kafka, copies and what is written down of them are one transaction: consumers
that read what is committed see each copy once. This needs the right to write under
the transactional id wireproof.replay.TOPIC.GROUP.dlq. Elsewhere a killed replay may
repeat some copies, under the same replay id, by which dedupe knows them.`,
		Example: `  wireproof dlq replay orders --group billing --id 0:17 --id 0:18
  wireproof dlq replay orders --group billing --error-class 'order # not found' --dry-run --plan fix.json
  wireproof dlq replay --resume fix.json --rate 50/s --ramp 2m
  wireproof dlq replay orders --group billing --all --rate 100/s
  wireproof dlq replay --status fix.json`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.dlqReplay(cmd, args, f, r) },
	}
	f.filters(cmd)
	p := cmd.Flags()
	p.BoolVar(&r.all, "all", false, "all letters of the group")
	p.BoolVar(&r.again, "again", false, "also letters that were replayed before")
	p.BoolVar(&r.dryRun, "dry-run", false, "freeze the set and show it, publish nothing")
	p.StringVar(&r.plan, "plan", "", "file for the frozen set (default: replay-TOPIC-TIME.json)")
	p.StringVar(&r.rate, "rate", "", "at most so many letters a second, such as 50/s (default: as fast as it goes)")
	p.DurationVar(&r.ramp, "ramp", 0, "for so long the rate grows evenly, from 1/s")
	p.StringVar(&r.resume, "resume", "", "begin, or go on with, the replay of this plan")
	p.StringVar(&r.cancel, "cancel", "", "end the replay of this plan for good")
	p.StringVar(&r.status, "status", "", "say how far the replay of this plan is")
	for _, flag := range []string{"plan", "resume", "cancel", "status"} {
		if err := cmd.MarkFlagFilename(flag, "json"); err != nil {
			panic(err) // the flag is defined above
		}
	}
	return cmd
}

func (a *app) dlqReplay(cmd *cobra.Command, args []string, f *dlqFlags, r replayFlags) error {
	pace, err := paceOf(r.rate, r.ramp)
	if err != nil {
		return err
	}
	f.patient = true
	if old := r.resume + r.cancel + r.status; old != "" {
		if len(args) > 0 || f.filtered() || r.all || r.again || r.dryRun || r.plan != "" || old != r.resume && old != r.cancel && old != r.status {
			return usagef("--resume, --cancel and --status take a plan, whose set is frozen: give one of them, without TOPIC, filters, --plan and --dry-run")
		}
		return a.oldReplay(cmd, f, r, pace)
	}
	if len(args) == 0 {
		return usagef("replay needs a TOPIC, or a plan with --resume, --cancel or --status")
	}
	if !f.filtered() && !r.all {
		return usagef("say which letters: --id, a filter such as --error or --pending, or --all")
	}
	f.pending = f.pending || len(f.ids) == 0 && !r.again
	return a.onDLQ(f, func(ctx context.Context, l *letters) error { return a.newReplay(ctx, l, r, pace) })(cmd, args)
}

// paceOf reads --rate and --ramp.
func paceOf(rate string, ramp time.Duration) (dlq.Pace, error) {
	if rate == "" {
		if ramp != 0 {
			return dlq.Pace{}, usagef("--ramp grows to --rate, which is missing")
		}
		return dlq.Pace{}, nil
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(rate, "/s"), 64)
	if err != nil || !(n > 0 && n <= 1e6) || ramp < 0 {
		return dlq.Pace{}, usagef("--rate is %q and --ramp %v; expected letters a second, such as 50/s or 0.5/s, and a time such as 2m", rate, ramp)
	}
	return dlq.Pace{Rate: n, Ramp: ramp}, nil
}

// newReplay freezes a set and replays it.
func (a *app) newReplay(ctx context.Context, l *letters, r replayFlags, pace dlq.Pace) error {
	found, err := l.all(ctx, false)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		a.note("no letters are meant, and none are replayed")
		return nil
	}
	path := a.path(r.plan)
	if r.plan == "" {
		name := strings.Map(func(c rune) rune {
			if strings.ContainsRune(`/\:`, c) {
				return '_'
			}
			return c
		}, l.topic)
		path = a.path("replay-" + name + "-" + time.Now().UTC().Format("20060102T150405.000Z") + ".json")
	}
	planned := make([]dlq.Planned, len(found))
	for i := range found {
		planned[i] = found[i].Planned()
	}
	job, err := dlq.CreateJob(path, planned)
	if errors.Is(err, os.ErrExist) {
		return usagef("--plan %s is there already; go on with it with --resume, or name another file", path)
	}
	if err != nil {
		return exitWith(exitIncomplete, err)
	}
	a.note("frozen set   %s of %s, group %s, taken %s; later ones are none of it", several(len(found), "letter"), l.topic, strings.Join(l.groups, ", "), utc(job.Made()))
	a.note("target       %s; only the group that failed handles the copies, in the order of each key", l.topic)
	if r.dryRun {
		for _, p := range job.Letters() {
			if err := a.printPlanned(l.flags.output, p); err != nil {
				return errors.Join(err, job.Close())
			}
		}
		a.note("nothing is published; to replay exactly these: wireproof dlq replay --resume %s", path)
		return job.Close()
	}
	return a.runJob(ctx, l, job, path, pace, r.plan == "")
}

func (a *app) printPlanned(format string, p dlq.Planned) error {
	if format == "json" {
		return json.NewEncoder(a.stdout).Encode(p)
	}
	_, err := fmt.Fprintf(a.stdout, "would replay\t%s\t%s\n", p.ID, p.Topic)
	return err
}

// runJob runs a job and says how it ended; done with, it is removed if it is only
// ours.
func (a *app) runJob(ctx context.Context, l *letters, job *dlq.Job, path string, pace dlq.Pace, ours bool) error {
	var printed error
	err := job.Run(ctx, l.bus, pace, func(r dlq.Record) {
		if l.flags.output == "json" {
			printed = errors.Join(printed, json.NewEncoder(a.stdout).Encode(r))
			return
		}
		text := fmt.Sprintf("%s\t%s\t%s", r.Outcome, r.ID, r.Topic)
		if r.Error != "" {
			text += "\t" + gate.Clean(r.Error)
		}
		_, failed := fmt.Fprintln(a.stdout, text)
		printed = errors.Join(printed, failed)
	})
	counts := job.Counts()
	a.note("%s", summary(job))
	if err == nil && ours {
		err = job.Remove()
	} else {
		err = errors.Join(err, job.Close())
	}
	switch {
	case errors.Is(err, dlq.ErrPaused):
		a.note("paused; go on with: wireproof dlq replay --resume %s", path)
		return &exit{code: exitInterrupted}
	case errors.Is(err, dlq.ErrCancelled):
		return exitWith(exitUsage, err)
	case err != nil:
		a.note("try the rest again with: wireproof dlq replay --resume %s", path)
		if counts[dlq.Replayed]+counts[dlq.Already] > 0 {
			return exitWith(exitPartly, err)
		}
		return exitWith(exitIncomplete, err)
	}
	return printed
}

// summary says how far a job is.
func summary(job *dlq.Job) string {
	counts := job.Counts()
	text := fmt.Sprintf("%d of %d letters replayed", counts[dlq.Replayed]+counts[dlq.Already], len(job.Letters()))
	for _, o := range []struct {
		of   dlq.Outcome
		text string
	}{{dlq.Already, "of them found replayed already"}, {dlq.Gone, "gone"}, {dlq.Failed, "failed"}} {
		if n := counts[o.of]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, o.text)
		}
	}
	if n := job.Left() - counts[dlq.Failed]; n > 0 {
		text += fmt.Sprintf(", %d not tried yet", n)
	}
	if job.Cancelled() {
		text += "; cancelled"
	}
	return text
}

// oldReplay goes on with, cancels or tells about the replay of a plan.
func (a *app) oldReplay(cmd *cobra.Command, f *dlqFlags, r replayFlags, pace dlq.Pace) (err error) {
	path := a.path(r.resume + r.cancel + r.status)
	job, err := dlq.OpenJob(path)
	if err != nil {
		return exitWith(exitUsage, err)
	}
	if r.resume == "" {
		if r.cancel != "" {
			err = job.Cancel()
		}
		fmt.Fprintln(a.stdout, summary(job))
		return errors.Join(err, job.Close())
	}
	ctx, cancel := f.limited(cmd)
	defer cancel()
	l := &letters{app: a, flags: f}
	if l.bus, err = a.bus(ctx, f.bus, f.brokers); err != nil {
		return errors.Join(err, job.Close())
	}
	defer closing(&err, func() error { return l.bus.Close(context.WithoutCancel(ctx)) })
	var topics []string
	for _, p := range job.Letters() {
		topics = append(topics, p.Topic)
	}
	slices.Sort(topics)
	a.note("frozen set   %s of %s, taken %s, %d left", several(len(topics), "letter"), strings.Join(slices.Compact(topics), ", "), utc(job.Made()), job.Left())
	return a.runJob(ctx, l, job, path, pace, false)
}
