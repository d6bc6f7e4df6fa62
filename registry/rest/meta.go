package rest

import "github.com/wireproof/wireproof/registry/api"

func root(*call) (*reply, error) { return &reply{json: struct{}{}}, nil }

// clusterID names no Kafka cluster, since the registry needs none.
func clusterID(*call) (*reply, error) {
	return &reply{json: api.ClusterID{Scope: api.ClusterScope{
		Path:     []string{},
		Clusters: map[string]string{"kafka-cluster": "", "schema-registry-cluster": "schema-registry"},
	}}}, nil
}

func serverVersion(c *call) (*reply, error) {
	return &reply{json: api.ServerVersion{Version: c.opts.Version, CommitID: c.opts.Commit}}, nil
}

func deployment(*call) (*reply, error) {
	return &reply{json: api.Deployment{Attributes: []string{}}}, nil
}

func contexts(c *call) (*reply, error) { return ok(page(c, []string{"."}, unlimited)) }
