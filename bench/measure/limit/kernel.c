/* Gradient descent in plain C. Each iteration reads X once, and the threads share the rows. */
#include <math.h>
#include <omp.h>
#include <string.h>

enum { LINE = 8 }; /* doubles in a cache line; two threads never write to the same line */

/* losses: max_iter + 1. work: threads x (d + LINE). Returns the number of losses. */
int descend(const double *restrict X, const double *restrict y, double *restrict beta, long n, long d,
            double learning_rate, int max_iter, double tol, double *restrict losses, double *restrict work) {
    int threads = omp_get_max_threads();
    for (int k = 0;; k++) {
        double total = 0.0;
        memset(work, 0, sizeof(double) * threads * (d + LINE));
        #pragma omp parallel for reduction(+ : total) schedule(static)
        for (long i = 0; i < n; i++) {
            double *restrict gradient = work + omp_get_thread_num() * (d + LINE);
            const double *restrict row = X + i * d;
            double y_pred = 0.0;
            for (long j = 0; j < d; j++) y_pred += row[j] * beta[j];
            double residual = y[i] - y_pred;
            total += residual * residual;
            for (long j = 0; j < d; j++) gradient[j] += row[j] * residual;
        }
        losses[k] = total / n;
        /* -ffast-math ignores NaN, but a descent that diverges reaches infinity first. */
        if (!(losses[k] <= 1.7e308) || k == max_iter) return k + 1;
        if (k >= 1 && fabs(losses[k - 1] - losses[k]) < tol * losses[0]) return k + 1;
        for (long j = 0; j < d; j++) {
            double sum = 0.0;
            for (int t = 0; t < threads; t++) sum += work[t * (d + LINE) + j];
            beta[j] -= learning_rate * (-2.0 / n) * sum;
        }
    }
}
