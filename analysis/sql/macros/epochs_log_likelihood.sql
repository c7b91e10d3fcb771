-- Helper of the anytime evidence of conversion: log likelihood of a log ratio, summed over allocation epochs, each a struct of xa, xb (converted readers of control and variant) and logit (of the planned share).
CREATE MACRO epochs_log_likelihood(epochs, delta) AS (
    list_sum(list_transform(epochs, lambda k: conversion_log_likelihood(k.xa, k.xb, delta + k.logit)))
)
