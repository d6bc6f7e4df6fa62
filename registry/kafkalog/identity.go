package kafkalog

import (
	"encoding/json"
	"fmt"

	"github.com/IBM/sarama"
)

// An identity is what a member of the group says about itself.
type identity struct {
	Version  int    `json:"version"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Eligible bool   `json:"master_eligibility"`
	Scheme   string `json:"scheme"`
	Leader   bool   `json:"leader"`
}

func (i identity) url() string {
	scheme := i.Scheme
	if scheme == "" {
		scheme = "http" // as servers before schemes existed
	}
	return fmt.Sprintf("%s://%s:%d", scheme, i.Host, i.Port)
}

// An assignment is what the member that the coordinator chose tells all others.
type assignment struct {
	Version int       `json:"version"`
	Error   int       `json:"error"`
	Master  *string   `json:"master,omitempty"`
	Who     *identity `json:"master_identity,omitempty"`
}

// duplicateURLs is what another server's assignment says if two members have one
// URL.
const duplicateURLs = 1

// assign chooses the leader: of those that may lead, the one with the smallest
// URL, or with sticky the one that leads already. Members whose identity does not
// read never lead. Two members with one URL are most often a server and what is
// left of it from before a crash: the election goes on without a word that would
// stop other servers, and is repeated once the dead one's session ends.
func assign(members []sarama.GroupMember, sticky bool) (assignment, []string) {
	var best, incumbent *identity
	var bestID, incumbentID string
	incumbents := 0
	urls := map[string]bool{}
	var double []string
	for _, m := range members {
		var who identity
		if json.Unmarshal(m.Metadata, &who) != nil {
			continue
		}
		if urls[who.url()] {
			double = append(double, who.url())
		}
		urls[who.url()] = true
		if !who.Eligible {
			continue
		}
		if who.Leader {
			incumbent, incumbentID = &who, m.MemberId
			incumbents++
		}
		if best == nil || who.url() < best.url() || who.url() == best.url() && m.MemberId < bestID {
			best, bestID = &who, m.MemberId
		}
	}
	if sticky && incumbents == 1 {
		best, bestID = incumbent, incumbentID
	}
	out := assignment{Version: 1}
	if best != nil {
		out.Master, out.Who = &bestID, best
	}
	return out, double
}
