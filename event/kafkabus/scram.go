package kafkabus

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
		n.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: scram.SHA256} }
	case "scram-sha-512":
		n.Mechanism = sarama.SASLTypeSCRAMSHA512
		n.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: scram.SHA512} }
	default:
		return fmt.Errorf("sasl mechanism is %q; expected plain, scram-sha-256 or scram-sha-512", s.Mechanism)
	}
	return nil
}

// A scramClient is one sign-in by SCRAM.
type scramClient struct {
	hash         scram.HashGeneratorFcn
	conversation *scram.ClientConversation
}

func (c *scramClient) Begin(user, password, authzID string) error {
	client, err := c.hash.NewClient(user, password, authzID)
	if err != nil {
		return fmt.Errorf("start scram: %w", err)
	}
	c.conversation = client.NewConversation()
	return nil
}

func (c *scramClient) Step(challenge string) (string, error) { return c.conversation.Step(challenge) }

func (c *scramClient) Done() bool { return c.conversation.Done() }
