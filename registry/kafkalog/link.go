package kafkalog

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

var errClosed = errors.New("the log is closed")

// A dialer knows the connections that it made, so that closing it ends whatever
// waits for an answer.
type dialer struct {
	mu     sync.Mutex // guards the fields below
	closed bool
	open   map[*tracked]bool
}

// A tracked connection leaves its dialer when it is closed.
type tracked struct {
	net.Conn
	dialer *dialer
}

func newDialer() *dialer { return &dialer{open: map[*tracked]bool{}} }

// Dial implements the dialer of sarama's proxy settings.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	conn, err := net.DialTimeout(network, address, dialTimeout)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		conn.Close()
		return nil, errClosed
	}
	t := &tracked{conn, d}
	d.open[t] = true
	return t, nil
}

func (t *tracked) Close() error {
	t.dialer.mu.Lock()
	delete(t.dialer.open, t)
	t.dialer.mu.Unlock()
	return t.Conn.Close()
}

func (d *dialer) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for t := range d.open {
		t.Conn.Close()
	}
}

// A link is a client with connections of its own. A broker answers the requests
// on a connection one after the other, so what waits long, as an election does,
// needs another link than what must not wait.
type link struct {
	sarama.Client
	dial    *dialer
	topic   string
	timeout time.Duration
	// confirmed is the epoch of a leader that knows what was acknowledged before it
	// became one.
	confirmed atomic.Int32
	// newest is the last epoch that any link of a log has heard of. A leader of an
	// earlier one is none any more, though it may not know: one that was paused goes
	// on where it was, and says so also to those who ask who leads.
	newest *atomic.Int32
	peers  *peers // to ask whether what is read is the end; nil where that does not matter
}

// heard takes note of an epoch, and reports whether there is a later one.
func (k *link) heard(epoch int32) (old bool) {
	for {
		newest := k.newest.Load()
		if epoch <= newest || k.newest.CompareAndSwap(newest, epoch) {
			return epoch < newest
		}
	}
}

func newLink(c Config, timeout time.Duration) (*link, error) {
	dial := newDialer()
	conf, err := c.sarama(dial, timeout)
	if err != nil {
		return nil, err
	}
	client, err := sarama.NewClient(c.Brokers, conf)
	if err != nil {
		return nil, fmt.Errorf("reach kafka at %v: %w", c.Brokers, err)
	}
	k := &link{Client: client, dial: dial, topic: c.Topic, timeout: timeout, newest: new(atomic.Int32)}
	k.newest.Store(-1)
	k.confirmed.Store(-2) // no leader's, nor what stands for one that is not known
	return k, nil
}

func (k *link) close() {
	k.dial.close()
	k.Client.Close() // says only that it was closed before
}

// refused returns what a broker answered, or ErrNoError if it did not answer.
func refused(err error) sarama.KError {
	var code sarama.KError
	if errors.As(err, &code) {
		return code
	}
	return sarama.ErrNoError
}

// atLeader asks the broker that leads the partition, with the epoch in which it
// does. After an error the next call asks who that is, on a new connection if no
// answer came.
func (k *link) atLeader(ask func(b *sarama.Broker, epoch int32) error) error {
	broker, epoch, err := k.LeaderAndEpoch(k.topic, 0)
	if err != nil {
		return fmt.Errorf("find the leader of topic %s: %w", k.topic, err)
	}
	if k.heard(epoch) {
		k.RefreshMetadata(k.topic)
		return fmt.Errorf("find the leader of topic %s: a broker names that of epoch %d, there is one of epoch %d: %w", k.topic, epoch, k.newest.Load(), sarama.ErrFencedLeaderEpoch)
	}
	if err = ask(broker, epoch); err == nil {
		return nil
	}
	switch refused(err) {
	case sarama.ErrNoError:
		broker.Close()
		k.RefreshMetadata(k.topic) // if it fails, the next call meets the same trouble
	case sarama.ErrNotLeaderForPartition, sarama.ErrUnknownTopicOrPartition, sarama.ErrLeaderNotAvailable,
		sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch, sarama.ErrReplicaNotAvailable, sarama.ErrKafkaStorageError:
		k.RefreshMetadata(k.topic)
	}
	return err
}

// movedCoordinator reports whether another broker has to be asked.
func movedCoordinator(err error) bool {
	switch refused(err) {
	case sarama.ErrNoError, sarama.ErrNotCoordinatorForConsumer, sarama.ErrConsumerCoordinatorNotAvailable:
		return true
	}
	return false
}

// atTransactions asks the coordinator of a transactional id.
func (k *link) atTransactions(id string, ask func(*sarama.Broker) error) error {
	broker, err := k.TransactionCoordinator(id)
	if err != nil {
		return fmt.Errorf("find the coordinator of transactions: %w", err)
	}
	if err = ask(broker); err != nil && movedCoordinator(err) {
		if refused(err) == sarama.ErrNoError {
			broker.Close()
		}
		k.RefreshTransactionCoordinator(id)
	}
	return err
}

// atGroup asks the coordinator of a group.
func (k *link) atGroup(group string, ask func(*sarama.Broker) error) error {
	broker, err := k.Coordinator(group)
	if err != nil {
		return fmt.Errorf("find the coordinator of group %s: %w", group, err)
	}
	if err = ask(broker); err != nil && movedCoordinator(err) {
		if refused(err) == sarama.ErrNoError {
			broker.Close()
		}
		k.RefreshCoordinator(group)
	}
	return err
}
