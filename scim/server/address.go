package server

import (
	"net/http"
	"net/netip"
	"strings"
)

// baseURL is where the client sees the server, without a slash at the end.
func (h *handler) baseURL(r *http.Request) string {
	if h.options.ExternalURL != "" {
		return strings.TrimRight(h.options.ExternalURL, "/")
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if h.options.TrustForwarded && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// clientAddress is the address that failed authentications are counted by: for
// IPv6 the /64, of which one client has all addresses.
func (h *handler) clientAddress(r *http.Request) string {
	address := r.RemoteAddr
	if h.options.TrustForwarded {
		// The last one is the one that the proxy in front of us has seen.
		if all := r.Header.Values("X-Forwarded-For"); len(all) > 0 {
			list := strings.Split(all[len(all)-1], ",")
			address = strings.TrimSpace(list[len(list)-1])
		}
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		withPort, err := netip.ParseAddrPort(address)
		if err != nil {
			return "unknown"
		}
		ip = withPort.Addr()
	}
	if ip = ip.Unmap().WithZone(""); ip.Is6() {
		if prefix, err := ip.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return ip.String()
}
