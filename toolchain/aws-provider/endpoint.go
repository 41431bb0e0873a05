package main

import (
	"context"
	"net"
	"net/url"
	"regexp"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

var accountHost = regexp.MustCompile(`^[0-9]{12}\.(.+)$`)

// withoutHostPrefix sends calls that would go to <account>.<endpoint> (S3 Control) to the endpoint itself where that is
// an emulator: an IP address has no subdomains, and localhost need not have any.
func withoutHostPrefix(stack *middleware.Stack) error {
	const signing = "Signing"
	if _, ok := stack.Finalize.Get(signing); !ok {
		return nil
	}
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("WithoutHostPrefix", func(
		ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if request, ok := in.Request.(*smithyhttp.Request); ok {
			if match := accountHost.FindStringSubmatch(request.URL.Host); match != nil && isLocal(match[1]) {
				request.URL.Host = match[1]
			}
		}
		return next.HandleFinalize(ctx, in)
	}), signing, middleware.Before)
}

func isLocal(hostAndPort string) bool {
	host := (&url.URL{Host: hostAndPort}).Hostname()
	return host == "localhost" || net.ParseIP(host) != nil
}
