package controllers

import (
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
)

// settle is how long to wait for the cache: for what was just written, or for
// whatever made a write conflict.
const settle = 20 * time.Millisecond

// again is the result after a write that is bound to a resourceVersion. A
// conflict is no error: somebody wrote in between, and the cache is about to know.
func (base) again(err error) (ctrl.Result, error) {
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: settle}, nil
	}
	return ctrl.Result{}, err
}
