// Polynomials of the elementary functions: weighted least-squares fits, reweighted towards minimax, their coefficients
// rounded to float. isa/math.inl has the functions; compiled programs (pointwise_code.h) repeat them, bit by bit.
#pragma once

namespace fovea::kernels::fits {

inline constexpr float exp[] = {0.5f, 0.166665122f, 0.0416661911f, 0.0083696153f, 0.00139515335f};
inline constexpr float exp_most = 90.0f, exp_least = -105.0f, log2e = 1.44269504f;
inline constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;  // the first is short enough for exact products

// x p(x^2) / q(x^2)
inline constexpr float tanh_p[] = {1.0f, 0.133798212f, 0.0034941535f, 2.05852812e-05f, 1.33213156e-08f};
inline constexpr float tanh_q[] = {1.0f, 0.467131406f, 0.025871532f, 0.000328328111f, 7.76298464e-07f};
inline constexpr float tanh_limit = 9.02f;
inline constexpr float erf_p[] = {1.12837911f,    0.190751344f,    0.0527860038f,
                                  0.00377821666f, 0.000284777518f, 2.04222556e-06f};
inline constexpr float erf_q[] = {1.0f, 0.502381682f, 0.114244103f, 0.0149946539f, 0.00116487511f, 3.80050842e-05f};
inline constexpr float erf_limit = 3.925f;

}  // namespace fovea::kernels::fits
