package registry

import (
	"hash/maphash"
	"iter"
	"maps"
)

const shardCount = 128

// A table is a map that is cheap to copy: a copy shares the parts of the
// original until it writes to them. The original must not change afterwards.
// It is what lets every decision start from a state that readers still use.
type table[K comparable, V any] struct {
	seed   maphash.Seed
	shards [shardCount]map[K]V
	owned  [shardCount]bool
}

func newTable[K comparable, V any]() *table[K, V] {
	return &table[K, V]{seed: maphash.MakeSeed()}
}

func (t *table[K, V]) clone() *table[K, V] {
	return &table[K, V]{seed: t.seed, shards: t.shards}
}

func (t *table[K, V]) shard(key K) int {
	return int(maphash.Comparable(t.seed, key) % shardCount)
}

// find returns the value of key and whether there is one.
func (t *table[K, V]) find(key K) (V, bool) {
	v, ok := t.shards[t.shard(key)][key]
	return v, ok
}

// get returns the value of key, or the zero value.
func (t *table[K, V]) get(key K) V { return t.shards[t.shard(key)][key] }

func (t *table[K, V]) set(key K, v V) { t.own(key)[key] = v }

func (t *table[K, V]) remove(key K) { delete(t.own(key), key) }

// own returns the part that holds key, ready to be written to.
func (t *table[K, V]) own(key K) map[K]V {
	i := t.shard(key)
	if !t.owned[i] {
		t.shards[i], t.owned[i] = maps.Clone(t.shards[i]), true
	}
	if t.shards[i] == nil {
		t.shards[i] = map[K]V{}
	}
	return t.shards[i]
}

// all yields the entries in no order.
func (t *table[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, shard := range t.shards {
			for k, v := range shard {
				if !yield(k, v) {
					return
				}
			}
		}
	}
}
