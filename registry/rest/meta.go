package rest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

func root(*call) (*reply, error) { return &reply{json: struct{}{}}, nil }

// clusterID names no Kafka cluster where the registry needs none.
func clusterID(c *call) (*reply, error) {
	return &reply{json: api.ClusterID{Scope: api.ClusterScope{
		Path:     []string{},
		Clusters: map[string]string{"kafka-cluster": c.opts.KafkaCluster, "schema-registry-cluster": cmp.Or(c.opts.Group, "schema-registry")},
	}}}, nil
}

func serverVersion(c *call) (*reply, error) {
	return &reply{json: api.ServerVersion{Version: c.opts.Version, CommitID: c.opts.Commit}}, nil
}

func deployment(*call) (*reply, error) {
	return &reply{json: api.Deployment{Attributes: []string{}}}, nil
}

// listScopes is not of the protocol: nothing in it names the subjects that have
// settings and no version, which whoever copies a registry must know.
func listScopes(c *call) (*reply, error) {
	all := readable(c, c.reg.Scopes(), func(scope string) string { return scope })
	return ok(page(c, all, unlimited))
}

func contexts(c *call) (*reply, error) {
	all := readable(c, c.reg.Contexts(), func(context string) string { return ":" + context + ":" })
	if prefix := c.query.Get("contextPrefix"); prefix != "" {
		all = slices.DeleteFunc(all, func(context string) bool { return !strings.HasPrefix(context, prefix) })
	}
	return ok(page(c, all, unlimited))
}

func deleteContext(c *call) (*reply, error) {
	name := "." + strings.TrimPrefix(strings.Trim(c.vars.context, ":"), ".")
	if err := c.may(api.Delete, ":"+name+":"); err != nil {
		return nil, err
	}
	if strings.Contains(name, ":") {
		return nil, api.BadRequest.With("the context in the path holds a colon")
	}
	if _, err := c.reg.DeleteContext(c.r.Context(), registry.ContextDeletion{Context: name}); err != nil {
		return nil, err
	}
	return &reply{empty: true}, nil
}
