package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/internal/topics"
)

// topicsFlags are those of all topics commands, of plan and of apply.
type topicsFlags struct {
	brokers  []string
	output   string
	timeout  time.Duration
	grow     bool
	detailed bool // of plan
	yes      bool // of apply
}

func (a *app) topicsCmd() *cobra.Command {
	var f topicsFlags
	cmd := &cobra.Command{
		Use:   "topics",
		Short: "Compare, create and watch the topics of wireproof.yaml on Kafka",
		Long: `Topics are described by topics: in wireproof.yaml: partitions, replicas, retention,
compression, the largest message, what is cleaned up, and the consumer groups, whose
retry and dead-letter topics are made with 64 KiB more room for a message. The topics
of events: that are not described there are created as the cluster makes topics.

A topic is never deleted, and what is not set is left as it is.`,
		Example: `  wireproof topics plan --env prod
  wireproof topics apply --env prod
  wireproof topics status --env prod`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	p := cmd.PersistentFlags()
	p.StringSliceVar(&f.brokers, "brokers", nil, "host:port of Kafka brokers, in place of the environment's")
	p.StringVarP(&f.output, "output", "o", "text", "text or json")
	p.DurationVar(&f.timeout, "timeout", time.Minute, "longest time for the whole command")
	cmd.AddCommand(a.topicsPlanCmd(&f), a.topicsApplyCmd(&f), a.topicsStatusCmd(&f))
	return cmd
}

const growUsage = "allow more partitions, although keys go to other partitions then"

func (a *app) topicsPlanCmd(f *topicsFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say what topics apply would change",
		Long: `Plan compares the topics of wireproof.yaml with the cluster's and prints what apply
would do. It changes nothing.

Three things are refused, and then apply does nothing at all: fewer partitions, another
number of replicas, and, without --grow, more partitions. The partition of a key is a
hash over their number, so that with more of them messages of one key lie in two
partitions, and what is published before and after may be handled out of order, or at
the same time. Drain the topic first, or do not depend on the order.

Exit codes: 0 planned, whether or not anything is to do · 3 with --detailed-exitcode, if
something is · 1 a change is refused, so apply would do nothing · 5 the cluster could not
be asked.`,
		Example: `  wireproof topics plan --env prod
  wireproof topics plan --env prod --detailed-exitcode`,
		Args: cobra.NoArgs,
		RunE: a.onTopics(f, func(ctx context.Context, bus *kafkabus.Bus, wants []topics.Want) error {
			p, err := a.planTopics(ctx, bus, wants, f)
			if err != nil {
				return err
			}
			if err := a.printTopics(p, f.output); err != nil {
				return err
			}
			if n := len(p.Refused()); n > 0 {
				return exitWith(exitFindings, fmt.Errorf("%d of %d changes are refused; apply would do nothing", n, len(p.Changes)))
			}
			if f.detailed && len(p.Changes) > 0 {
				return exitWith(exitPending, nil)
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&f.grow, "grow", false, growUsage)
	cmd.Flags().BoolVar(&f.detailed, "detailed-exitcode", false, "exit with 3 if there is anything to do")
	return cmd
}

func (a *app) topicsApplyCmd(f *topicsFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Create missing topics and set up the others",
		Long: `Apply does what plan prints: it creates topics that are missing and sets what differs.
Nothing is done if one of the changes is refused; topics plan says which are, and why.
A change that lets the cluster remove messages, such as a shorter retention, asks first,
or needs --yes.

It prints a line for each step. If one fails it stops there; what was done stays, and
apply goes on with the rest when it is run again.

Exit codes: 0 applied, or nothing to do · 1 a change is refused · 2 --yes is missing ·
5 the cluster could not be asked, or refuses the first step · 6 some steps are done,
another failed.`,
		Example: `  wireproof topics apply --env dev
  wireproof topics apply --env prod --grow
  wireproof topics apply --env prod --yes`,
		Args: cobra.NoArgs,
		RunE: a.onTopics(f, func(ctx context.Context, bus *kafkabus.Bus, wants []topics.Want) error {
			p, err := a.planTopics(ctx, bus, wants, f)
			if err != nil {
				return err
			}
			if n := len(p.Refused()); n > 0 {
				if err := a.printTopics(p, f.output); err != nil {
					return err
				}
				return exitWith(exitFindings, fmt.Errorf("%d changes are refused; nothing was done", n))
			}
			if losing := p.Losing(); len(losing) > 0 {
				var whats []string
				for _, c := range losing {
					whats = append(whats, fmt.Sprintf("%s: %v", c.Topic, c))
				}
				if err := a.confirm(f.yes, "Let the cluster remove messages ("+strings.Join(whats, "; ")+")?", "yes"); err != nil {
					return err
				}
			}
			return a.applyTopics(ctx, bus, p, f.output == "json")
		}),
	}
	cmd.Flags().BoolVar(&f.grow, "grow", false, growUsage)
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask before messages are removed")
	return cmd
}

// onTopics reads the settings, connects and runs do.
func (a *app) onTopics(f *topicsFlags, do func(ctx context.Context, bus *kafkabus.Bus, wants []topics.Want) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		cfg, err := a.settings()
		if err != nil {
			return err
		}
		wants := topics.Wanted(cfg, a.replicas(cfg, f.brokers))
		if len(wants) == 0 {
			return usagef("%s: there are neither topics nor events", cfg.Path)
		}
		return a.onKafka(cmd.Context(), f, func(ctx context.Context, bus *kafkabus.Bus) error { return do(ctx, bus, wants) })
	}
}

// replicas returns the number of copies that the environment sets; 0 where none
// does, or brokers are given that are no environment's.
func (a *app) replicas(cfg *config.Config, brokers []string) int {
	if len(brokers) > 0 {
		return 0
	}
	_, env, err := cfg.Environment(a.env)
	if err != nil {
		return 0 // connecting will complain
	}
	return env.Kafka.Replicas
}

// onKafka checks the flags, connects and runs do.
func (a *app) onKafka(ctx context.Context, f *topicsFlags, do func(ctx context.Context, bus *kafkabus.Bus) error) (err error) {
	if f.output != "text" && f.output != "json" {
		return usagef("--output is %q; expected text or json", f.output)
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	bus, err := a.kafka(ctx, f.brokers)
	if err != nil {
		return err
	}
	defer closing(&err, func() error { return bus.Close(context.WithoutCancel(ctx)) })
	return do(ctx, bus)
}

func (a *app) planTopics(ctx context.Context, bus *kafkabus.Bus, wants []topics.Want, f *topicsFlags) (*topics.Plan, error) {
	p, err := topics.MakePlan(ctx, bus, wants, f.grow)
	if err != nil {
		return nil, kafkaFailure(err)
	}
	return p, nil
}

// kafkaFailure gives an error of the cluster its exit code.
func kafkaFailure(err error) error {
	if errors.Is(err, context.Canceled) {
		return err // interrupted
	}
	return exitWith(exitIncomplete, err)
}

// printTopics prints one line for each change, the reason of a refusal below it.
func (a *app) printTopics(p *topics.Plan, format string) error {
	if format == "json" {
		return a.printJSON(p)
	}
	var b strings.Builder
	count := map[topics.Action]int{}
	for _, c := range p.Changes {
		sign := "~"
		switch {
		case c.Refused != "":
			sign = "!"
		case c.Action == topics.Create:
			sign = "+"
		}
		fmt.Fprintf(&b, "  %s %s  %v\n", sign, c.Topic, c)
		if c.Refused != "" {
			fmt.Fprintf(&b, "      refused: %s\n", c.Refused)
			continue
		}
		count[c.Action]++
	}
	fmt.Fprintf(&b, "plan: %d topics to create, %d to grow, %d settings to set, %d refused; %d topics unchanged\n",
		count[topics.Create], count[topics.Grow], count[topics.Set], len(p.Refused()), p.Unchanged)
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// A topicStep is what came of one change, as --output json prints it.
type topicStep struct {
	topics.Change
	Done  bool   `json:"done"`
	Error string `json:"error,omitempty"`
}

// applyTopics applies a plan and prints what came of each step.
func (a *app) applyTopics(ctx context.Context, bus *kafkabus.Bus, p *topics.Plan, asJSON bool) error {
	steps := []topicStep{}
	done := 0
	err := p.Apply(ctx, bus, func(c topics.Change, err error) {
		s, what := topicStep{Change: c, Done: err == nil}, "done"
		if err != nil {
			s.Error, what = err.Error(), "failed"
		} else {
			done++
		}
		steps = append(steps, s)
		if !asJSON {
			fmt.Fprintf(a.stdout, "%-6s  %-6s  %s  %v\n", what, c.Action, c.Topic, c)
		}
	})
	if asJSON {
		if printed := a.printJSON(steps); printed != nil {
			return printed
		}
	}
	switch {
	case err == nil:
		a.note("%d of %d steps done, %d topics unchanged", done, len(p.Changes), p.Unchanged)
		return nil
	case done == 0 || errors.Is(err, context.Canceled):
		return kafkaFailure(err)
	}
	return exitWith(exitPartly, fmt.Errorf("%d of %d steps are done, then: %w", done, len(p.Changes), err))
}
