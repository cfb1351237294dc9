// CoreDNS with the plugins that addons/manifests/coredns.yaml uses, and none of the clouds' clients that the whole of it
// carries and that take longer to build than all the rest.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/template"
)

func main() {
	// In CoreDNS' own order: a query passes through them one after another.
	dnsserver.Directives = []string{"reload", "health", "ready", "errors", "cache", "template", "kubernetes", "forward"}
	coremain.Run()
}
