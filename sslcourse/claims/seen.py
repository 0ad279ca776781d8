"""What the runs showed that a verdict does not say, and that a reader of it should know.

Unlike the claims themselves this was written when the runs were known. It decides nothing, and no row depends on it.
"""

# By scale and claim: of seeds 1 to 6 on the drawn objects, if nothing else is said.
SEEN = {
    "cpu": {
        "patches-give-detail": (
            "That the class token's loss gives semantics holds: kNN accuracy is .22 to .48 above that of patches "
            "alone, which ended where they began (.21 to .31; .255 before training). Contradicted is the detail: "
            "before training the patches of the ViT draw objects with a mean IoU of .72, after it with .749 to .755 "
            "on the mean in each arm that was probed (patches alone was not), so that the .02 that count are most of "
            "what all training adds. Visible patches added .003 to .009 in six of six pairs, masked ones -.003 to "
            "+.006 (in the first form of this claim, with shorter runs, one rate and on another machine, it was the "
            "other way round: visible -.003 to +.011, masked .001 to .010 in six of six; an effect of .02 was ruled "
            "out there as well). The finer probe, of parts, which this claim does not ask, has -.023 to +.007 for "
            "visible patches. iBOT's comparison with DINO, which speaks for the claim, is of masked patches and of "
            "far longer training. Not asked, but larger: with half of the patches removed at random, distilling both "
            "kept and removed ones was worth .06 to .16 of kNN accuracy, in six of six."
        ),
        "strides-lose-detail": (
            "Strides do cost outlines: those of the dilated network had an F of .593 in place of .529, higher in six "
            "of six pairs by .050 to .075, more than the .02 that count; no contrast asks it, for that of outlines "
            "compares the ViT. By mean IoU it drew objects better in six of six as well, by .011 to .019, which is "
            "less than counts. Both parts of the sentence are contradicted: by mean IoU strides cost less than "
            "counts, and learning on patches keeps no more, nor are the ViT's outlines finer (F .523). All of "
            "training adds little: before it the ViT has a mean IoU of .72 and the strided network .73, after it .75 "
            "and .76. And the networks differ first in how much they learned of classes in as many steps, each at its "
            "own rate: kNN accuracy .44 to .74 for the ViT with the class token alone, .93 to .97 for the strided "
            "network. In the first form (shorter runs, one rate, on another machine) the verdict was the same."
        ),
        "attention-marks-objects": (
            "In five of six runs attention marks the object: the half that gets most of it held more of the object "
            "than a random half, by .33 to .43, and its Jaccard index was above the rule that compares colours, by "
            ".07 to .14, and above the untrained network, by .17 to .37. In the sixth it was below all three. With "
            "six pairs one such run is enough to leave the verdict open. In shorter runs at a lower rate (the first "
            "form of this claim, on another machine) three of six were above the rule of colours. On photographs the "
            "networks without labels knew no more of classes than before training (kNN .24 to .27; the same network "
            "untrained has .26, which no row holds), so that those rows say where such a network looks, not one that "
            "has learned."
        ),
        "removal-accuracy": (
            "Mean kNN accuracy was .583 with nothing removed (.527 in equal time), .516 with random patches removed, "
            ".507 with low and .463 with high attention removed. Removing low attention was better than removing high "
            "in six of six pairs, by .02 to .08, and no better than removing at random. So it costs most to lose the "
            "whole attended half, and nothing was gained by keeping it whole. In equal steps losing any half costs "
            "accuracy: with low attention removed .00 to .08 in five pairs and .22 in one. In equal time it cost .00 "
            "to .08 in five pairs, and one gained .07. (That arm first had 300 steps, by a ratio of times measured "
            "beside another run, and then 316, at a rate of its own; with 300 half of the pairs went either way.) "
            "Shorter runs at a lower rate (the first form of this claim, on another machine) had -.05 on the mean and "
            "told low from high removal in no direction. On photographs no arm ended more than .01 above its start "
            "(.24 to .27 on the mean; the same network untrained has .26, as under claim 3), and those with half "
            "removed ended .02 below it."
        ),
        "removal-training-speed": (
            "Half of the patches go, and a step is a seventh faster: the teacher and the small crops see all of "
            "theirs, and counted operations allow .26. Where the decoder then paints what was removed, more than that "
            "is lost again (-.06, where operations allow .14). Measured before on another kind of processor, beside "
            "another run, the two were +.20 and -.02: by so much a machine moves such a ratio."
        ),
        "removal-inference-speed": (
            "A teacher that chooses has looked at the whole picture first: features take 1.9 times as long. Fused "
            "into one patch inside the network, by its own attention in the first block, the same half makes them .02 "
            "to .07 faster (.04 to .09 on photographs), less than counts (operations allow .31), and kNN accuracy "
            "moved by -.07 to +.00 (-.02 to +.02). Measured before on another kind of processor, beside another run, "
            "that had been .17: in so small a network the saving is the machine's as much as the method's."
        ),
        "reconstruction-occlusion": (
            "With low attention removed the decoder painted: the error of removed patches ended at .70 to .77 in five "
            "of six runs and at .93 in one, where 1 is that of a patch painted in its own mean colour. Its effect was "
            "-.06 to +.06: one pair above .05 leaves the verdict open. With high attention removed the error ended at "
            ".84 to .89, and pairs go from -.10 to +.10; with random patches it ended at .86 and .85 in two runs and "
            "at .97 to .99 in four (.78 with seed 0, on which the rate was chosen), and an effect of .05 is ruled "
            "out, for so little painting. Where low attention was removed kNN was lower with painting, .442 in place "
            "of .507, in five of six; the sixth is the run that hardly painted. In the first form of this claim "
            "(shorter runs, one rate, a smaller decoder, on another machine) 13 of 18 decoders had hardly learned to "
            "paint, and an effect that counts was ruled out. A second was given up after four pairs: at five times "
            "their networks' rates 12 of its 16 decoders of removed patches, here and under claims 10 to 13, ended at "
            ".96 to .99. The effect in its four pairs was -.04 to -.01. Rows of both are kept; of the second only "
            "runs without a decoder count, which are the same in this form. On photographs only the first form was "
            "measured: no arm, with labels or without, had more than .26 on the mean, which says that next to nothing "
            "was learned."
        ),
        "reconstruction-corruption": (
            "The decoders are those of claim 7: with low attention removed they painted in five of six runs. The "
            "effect on noise was -.09 to +.13: the seeds differ by more than what would count. On low resolution "
            "(-.07 to +.03), and on both with random patches removed, an effect that counts is ruled out; with high "
            "attention removed pairs go from -.10 to +.08."
        ),
        "regular-scenes": (
            "No gain was found that could be shared out. With low attention removed kNN was lower with reconstruction "
            "on every background: .422 in place of .482 on regular ones, .473 in place of .539 on clutter. With "
            "random patches removed it was .508 in place of .492 and .548 in place of .539. The error of held-out "
            "pictures' random patches, by the decoders of that arm, was .946 of their variance on regular backgrounds "
            "and .952 on clutter: lower on regular ones in six of six, by .002 to .014, which is next to nothing. "
            "Four of these six decoders had hardly learned to paint (see claim 7); the two that had have the two "
            "largest differences, .011 and .014. In the first form of this claim an effect that counts was ruled out."
        ),
        "all-three": (
            "Every arm learned: .44 to .59 on the mean (.255 before training), the class token alone .583, with "
            "visible patches .595, all three .542. Seeds move the whole by more than any part does: against the class "
            "token alone it lost .27 in one pair and gained .10 in another. The whole was better than without patches "
            "in six of six, by .02 to .21. In the factorial pixels cost .041 (in six of six); patches (+.045) and "
            "removal (-.055) point one way in five of six, which decides nothing. In the first form of this claim, "
            "shorter runs at one rate for all arms, with a smaller decoder, on another machine, the whole lost to the "
            "class token alone in six of six, by .066 to .145, and patches cost .034: that rate suited the class "
            "token, and arms that distil patches learn best at twice to four times the others' rates. At the rate "
            "that is best for its kNN the whole's decoder painted in one run only (error .71; .96 to .99 in the "
            "others, .81 with seed 0): in five of six pairs the whole is hardly more than patches and removal."
        ),
        "without-removal": (
            "With reconstruction on in both arms a step is a fifth faster with removal, for then the encoder sees "
            "half of the patches. Beside neither removal nor reconstruction it is slower by .09: the decoder takes "
            "more than removal saves (counted operations would leave +.01). The first form had a smaller decoder, and "
            "gains of a third and of a fifth. What removal does to kNN accuracy differed between pairs by -.17 to "
            "+.15."
        ),
        "without-patches": (
            "All eight arms draw objects alike, .749 to .756 on the mean, and did so half way. An untrained network "
            "has about .72 (claim 2): .02 is most of what all training adds, and a linear probe of places of 8 pixels "
            "may see no more. On parts the arms have .067 to .092; distilled patches moved that by -.003 to +.006. "
            "Not asked, but larger: pixels lowered it by .012, in six of six."
        ),
        "without-reconstruction": (
            "At the rate that is best for its kNN the whole's decoder painted in one run only (error .71; in the "
            "others .96 to .99), so that the first row compares trainings that differ in little; their kNN accuracy "
            "differs by -.11 to +.14 all the same, which is what chance does to a pair here. One pair of .052 leaves "
            "the verdict open; in the first form of this claim an effect that counts was ruled out. Where nothing is "
            "removed all patches are painted, seen ones included, and the error ended at .31 to .48; on the mean over "
            "all four pairs of arms pixels made nothing more robust: -.05 to +.01 for random patches. Not asked, but "
            "larger than all that was: removal lowered what is left under noise and low resolution by .08 on the "
            "mean, in six of six."
        ),
        "simclr-negatives": (
            "The projections collapse (cosine of two pictures 1.00 in six of six). In the features before the head "
            "kNN accuracy is .15 on the mean of drawn objects (.08 to .23), where a guess is right in .07, and .15 "
            "(.09 to .21) on photographs, where it is in .10. One run chose each rate: at .002 for both, in the first "
            "form of this claim and on another machine, the same seeds had .687 with negatives in place of .654, and "
            ".11 to .23 without but for one, which had .38."
        ),
        "byol-target": (
            "Undecided by one pair: five of six say that the predictor matters more (-.029 on the mean), and of the "
            "two arms that decide only the one without it had partly collapsed projections (cosine of two pictures "
            ".49 to .74; without an EMA at most .06). That BYOL does not collapse holds with BatchNorm in its heads "
            "(kNN +.21 above the untrained network). Two earlier forms were contradicted: at one rate for all arms, "
            ".001, on another machine, by -.117, where two of six runs without the predictor fell below the untrained "
            "network, and at rates that one run each had chosen, by -.193, where four did. Then rates were searched "
            "again, by three runs, with that known. Now the arm without the predictor has a quarter of the rate of "
            "that without an EMA: .32 to .44 against .25 to .50. At so low a rate even attraction alone ended above "
            "the untrained network in six of six, which is no proof that it does not collapse: BatchNorm at the end "
            "of the projector forbids one point, and 240 slow steps may be too few. Without an EMA and with a slow "
            "predictor three runs chose .004, by .321 to .318, at which six others had .227 on the mean, below the "
            "untrained network in three of six; at .001, in the first form, they had .340. The two contrasts with "
            "that arm, +.17 and +.18, are mostly this; with that form's .340 they would be about +.05 and +.07, which "
            "decides nothing. With GroupNorm the projections of every arm, BYOL's own too, ended on one point (cosine "
            "1.00), so that the contrast with GroupNorm compares networks whose projections collapsed. On photographs "
            "no arm ended more than .03 above the untrained network (.245; BYOL .261), so that neither the EMA nor "
            "the predictor was worth .05 where the predictor is fast; where it is slow the EMA was, by .056, which is "
            "that rate of .004 again (.193 without an EMA). Without EMA and stop-gradient kNN fell to .14."
        ),
        "batch-size": (
            "If anything it is the other way round: from 256 to 16 pictures BYOL fell by .063 on the mean (.554 to "
            ".491), SimCLR by .018 (.788 to .770), and BYOL fell more in five of six pairs, as it did at one rate for "
            "all arms, on another machine (the first form of this claim: .042 and .016, four of six). Down to 64 "
            "neither was shown to fall. With GroupNorm in the heads BYOL has .27 at either size, hardly more than the "
            "untrained network (.255): it had nothing to lose, and the contrast that has it says nothing of BYOL."
        ),
        "fewer-transformations": (
            "On the mean SimCLR falls from .654 to .189, BYOL from .454 to .221, and the untrained network has .255: "
            "both lose all that they had gained, and more. Of the difference between the two falls, .231, SimCLR's "
            "higher start is .200. With only greyscale taken away SimCLR lost between .17 more and .07 less than "
            "BYOL, which shows nothing. At one rate for all arms, on another machine (the first form of this claim), "
            "the difference was .265. On photographs SimCLR fell from .311 to .277 and BYOL, which had gained little, "
            "from .270 to .264 (.245 untrained)."
        ),
        "too-hard-or-too-easy": (
            "Contradicted is the reason. That SimCLR suffers holds: its kNN accuracy falls from .654 to .184, below "
            "the untrained network's .255, while it finds the other view of .84 of the views in place of .16. On "
            "photographs kNN fell by .023 to .041 only, in six of six, and the other view was found of .75 of the "
            "views in place of .25."
        ),
        "local-crops-apart": (
            "By the learned affinity, which the method has and the verdict is on, crops that share nothing came out "
            "less alike in two runs and more alike in four (-.14 to +.09); pushed by their cosine, less alike in four "
            "(-.15 to +.03). Parts were hardly drawn at all, with a mean IoU of .07 to .09 on the mean of every arm, "
            "so that the .02 that count are a fifth of what there is or more: with the learned affinity they moved by "
            "-.004 to +.020, and at a tenth of the weight by -.004 to +.018; pushed by the cosine they fell in six of "
            "six, by .002 to .013. kNN accuracy of whole pictures moved by -.11 to +.09. At one rate for all arms, "
            "the first form of this claim, it was contradicted (no effect that counts), and pushing by the cosine had "
            "made crops less alike in six of six, by .13 on the mean. That was on another machine, where the very "
            "same runs had a similarity of .17; here they have .23. So the machine alone moves it by .06, as much as "
            "pushing does here (.05)."
        ),
        "all-crops-together": (
            "With negatives features are worse, but the solution is not trivial: with as much attraction as all other "
            "together kNN accuracy was .36 to .48 in place of .52 to .69, still above that of an untrained network "
            "(.255), and with a tenth of it no difference was shown. The effective rank fell in six of six, from 5.1 "
            "to 3.5 on the mean, but by .4 to 2.8, where 2 count. In its first form kNN alone decided, and the claim "
            "was supported: worse features are not yet a trivial solution, so that both decide now. Without negatives "
            "the solution is trivial: the loss of the attracting arm reached its minimum, with no gradient left, in "
            "three of six runs. What that costs features cannot be told, for those networks had hardly learned even "
            "with nothing added (.12 to .32)."
        ),
    }
}


def seen_in_runs(name: str, scale: str) -> str:
    """What the runs of a claim showed at a scale; "" where nothing is written.

    >>> seen_in_runs("simclr-negatives", "cpu")[:36], seen_in_runs("simclr-negatives", "gpu")
    ('The projections collapse (cosine of ', '')
    """
    return SEEN.get(scale, {}).get(name, "")
