package kafkalog

import (
	"fmt"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

func (s *SASL) apply(conf *sarama.Config) error {
	n := &conf.Net.SASL
	n.Enable, n.Handshake = true, true
	n.User, n.Password = s.User, s.Password
	switch s.Mechanism {
	case "plain":
		n.Mechanism = sarama.SASLTypePlaintext
	case "scram-sha-256":
		n.Mechanism = sarama.SASLTypeSCRAMSHA256
		n.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &signIn{hash: scram.SHA256} }
	case "scram-sha-512":
		n.Mechanism = sarama.SASLTypeSCRAMSHA512
		n.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &signIn{hash: scram.SHA512} }
	default:
		return fmt.Errorf("sasl mechanism is %q; expected plain, scram-sha-256 or scram-sha-512", s.Mechanism)
	}
	return nil
}

// A signIn is one conversation of SCRAM.
type signIn struct {
	hash scram.HashGeneratorFcn
	*scram.ClientConversation
}

// Begin implements [sarama.SCRAMClient]; the conversation does the rest of it.
func (s *signIn) Begin(user, password, authzID string) error {
	client, err := s.hash.NewClient(user, password, authzID)
	if err != nil {
		return fmt.Errorf("start scram: %w", err)
	}
	s.ClientConversation = client.NewConversation()
	return nil
}
