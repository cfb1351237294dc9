// Enforces NetworkPolicies on this node: kube-router's policy controller alone, as k3s embeds it,
// because the whole of kube-router needs a module that can't be fetched.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/cloudnativelabs/kube-router/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/pkg/options"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

func main() {
	klog.InitFlags(nil)
	kubeconfig := flag.String("kubeconfig", "", "path of the credentials for the API server")
	address := flag.String("address", "", "internal address of this node")
	services := flag.String("service-range", "", "the cluster's service range, as CIDR")
	flag.Parse()

	config := options.NewKubeRouterConfig()
	config.ClusterIPCIDR = *services
	if err := enforce(*kubeconfig, *address, config); err != nil {
		klog.Exitf("Network policies aren't enforced: %v", err)
	}
}

// enforce returns when the process is asked to end, or with what kept it from starting.
func enforce(kubeconfig, address string, config *options.KubeRouterConfig) error {
	rest, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return err
	}
	if config.HostnameOverride, err = nodeAt(client, address); err != nil {
		return err
	}
	stop := make(chan struct{})
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	controller, err := netpol.NewNetworkPolicyController(client, config, pods, policies, namespaces, &sync.Mutex{})
	if err != nil {
		return err
	}
	factory.Start(stop)
	factory.WaitForCacheSync(stop)
	pods.AddEventHandler(controller.PodEventHandler)
	namespaces.AddEventHandler(controller.NamespaceEventHandler)
	policies.AddEventHandler(controller.NetworkPolicyEventHandler)
	run(controller, stop)
	return nil
}

// nodeAt names the node with that internal address.
func nodeAt(client kubernetes.Interface, address string) (string, error) {
	nodes, err := client.CoreV1().Nodes().List(context.Background(), meta.ListOptions{})
	if err != nil {
		return "", err
	}
	for _, node := range nodes.Items {
		for _, known := range node.Status.Addresses {
			if known.Type == core.NodeInternalIP && known.Address == address {
				return node.Name, nil
			}
		}
	}
	return "", fmt.Errorf("no node has registered the address %s yet", address)
}

func run(controller *netpol.NetworkPolicyController, stop chan struct{}) {
	beats := make(chan *healthcheck.ControllerHeartbeat)
	go dieWhenStuck(beats)
	var running sync.WaitGroup
	running.Add(1)
	go controller.Run(beats, stop, &running)

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM)
	<-ended
	close(stop)
	running.Wait()
}

// dieWhenStuck ends the process when no full sync began for two of its periods: the supervisor then starts it anew.
func dieWhenStuck(beats <-chan *healthcheck.ControllerHeartbeat) {
	for {
		select {
		case <-beats:
		case <-time.After(10 * time.Minute):
			klog.Exit("No sync of the network policies began within ten minutes")
		}
	}
}
